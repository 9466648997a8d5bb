"""The plugins of one run: loaded once, owned by that run, with an owner for every result and every failure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pluggy

from upo_sdk.config import PluginPolicy
from upo_sdk.containment import prints_caught
from upo_sdk.errors import DuplicateNameError, PluginError, UnknownObjectiveError, did_you_mean
from upo_sdk.plugin.discovery import PluginCandidate, check_required, discover
from upo_sdk.plugin.hookspecs import PROJECT, HookSpecs
from upo_sdk.plugin.source import source_sha256
from upo_sdk.plugin.specs import DatasetFormatSpec, ObjectiveSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["RegisteredObjective", "Registry", "load_registry"]


_OFFERS = {
    "upo_register_dataset_formats": "data format",
    "upo_register_commands": "commands",
    "upo_register_callbacks": "callbacks",
    "upo_review_run": "review",
}


@dataclass(frozen=True, slots=True)
class RegisteredObjective:
    """A spec and the plugin it came from."""

    spec: ObjectiveSpec
    plugin: PluginCandidate

    def target_sha256(self) -> str:
        """Return the hash of the target's source, for the manifest and the score cache; the target is not imported."""
        return source_sha256(self.spec.target.partition(":")[0])


@dataclass(frozen=True)
class Registry:
    """What the loaded plugins registered.

    Attributes:
        objectives: By name, built-ins first.
        plugins: Every candidate with its final status, also those that did not load.
        errors: What kept a plugin from loading, or a required one that is missing; :meth:`check` raises the first.
        remarks: What a plugin did while loading that it should not do, such as printing.
    """

    objectives: Mapping[str, RegisteredObjective]
    plugins: tuple[PluginCandidate, ...]
    errors: tuple[PluginError, ...] = ()
    remarks: tuple[str, ...] = ()
    _manager: pluggy.PluginManager = field(repr=False, kw_only=True)

    def check(self) -> Registry:
        """Return the registry, or raise what kept a plugin from loading."""
        for error in self.errors:
            raise error
        return self

    def get(self, name: str) -> RegisteredObjective:
        """Return the objective of that name.

        Raises:
            UnknownObjectiveError: With what to write instead, or the closest name and the list of known ones.
        """
        if name not in self.objectives:
            raise UnknownObjectiveError(
                f"there is no objective '{name}'", where="objectives", fix=self._instead_of(name)
            )
        return self.objectives[name]

    def _instead_of(self, name: str) -> str:
        for item in self.objectives.values():
            if name in item.spec.variants:
                return f"it is a variant of '{item.spec.name}': write {item.spec.variants[name]}"
        return f"{did_you_mean(name, list(self.objectives))}known: {', '.join(self.objectives)}"

    def offers(self, plugin: PluginCandidate) -> list[str]:
        """Return what a loaded plugin offers: kinds of objectives, ``data format``, ``commands`` and so on."""
        kinds = {item.spec.kind for item in self.objectives.values() if item.plugin.module == plugin.module}
        module = self._manager.get_plugin(_key(plugin))
        hooks = {caller.name for caller in self._manager.get_hookcallers(module) or ()} if module else set[str]()
        return sorted(kinds) + [name for hook, name in _OFFERS.items() if hook in hooks]

    def dataset_formats(self) -> list[DatasetFormatSpec]:
        """Return the dataset formats of all plugins.

        Raises:
            PluginError: Two plugins claim one name, or a plugin's hook fails.
        """
        owners: dict[str, str] = {}
        found: list[DatasetFormatSpec] = []
        for origin, specs in self.calls("upo_register_dataset_formats"):
            for spec in specs:
                if owners.setdefault(spec.name, origin) != origin:
                    raise DuplicateNameError(
                        f"the dataset format '{spec.name}' is registered by {owners[spec.name]} and by {origin}",
                        where="upo_register_dataset_formats",
                        fix=_how_to_block(origin.split()[0]),
                    )
                found.append(spec)
        return found

    def calls(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a hook plugin by plugin and return ``(distribution, result)``, so that each failure has an owner.

        Raises:
            PluginError: A plugin raised; its exception is the cause.
        """
        results: list[tuple[str, Any]] = []
        by_name = {_key(plugin): plugin for plugin in self.plugins}
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            owner = by_name[implementation.plugin_name]
            try:
                accepted = {name: arguments[name] for name in implementation.argnames}
                results.append((owner.origin, implementation.function(**accepted)))
            except (Exception, SystemExit) as error:
                raise _broken(owner, error, f"while running {hook}") from error
        return results


def load_registry(policy: PluginPolicy | None = None) -> Registry:
    """Load the allowed plugins into a registry of their own.

    A plugin that cannot be loaded is recorded, not raised, so that ``upo plugins list`` and ``upo doctor`` still work;
    call :meth:`Registry.check` before a run.
    """
    manager = _new_manager()
    plugins: list[PluginCandidate] = []
    objectives: dict[str, RegisteredObjective] = {}
    policy = policy or PluginPolicy()
    found = discover(policy)
    errors = check_required(policy, found)
    remarks: list[str] = []
    for candidate in found:
        if candidate.status != "allowed":
            plugins.append(candidate)
            if candidate.status == "refused" and not candidate.builtin:
                errors.append(_claimed_twice(candidate))
            continue
        try:
            for spec in _register(manager, candidate, remarks):
                _claim(objectives, RegisteredObjective(spec, candidate))
        except PluginError as error:
            if manager.has_plugin(_key(candidate)):
                manager.unregister(name=_key(candidate))
            errors.append(error)
            plugins.append(replace(candidate, status="failed", reason=error.what))
        else:
            plugins.append(replace(candidate, status="loaded"))
    return Registry(objectives, tuple(plugins), tuple(errors), tuple(remarks), _manager=manager)


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    return manager


def _key(candidate: PluginCandidate) -> str:
    return f"{candidate.distribution}:{candidate.name}"


def _register(manager: pluggy.PluginManager, candidate: PluginCandidate, remarks: list[str]) -> list[ObjectiveSpec]:
    try:
        with prints_caught(lambda text: remarks.append(_printed(candidate, text))):
            module: ModuleType = candidate.entry_point.load()
            manager.register(module, name=_key(candidate))
            manager.check_pending()
            hook = manager.subset_hook_caller(
                "upo_register_objectives",
                remove_plugins=[plugin for plugin in manager.get_plugins() if plugin is not module],
            )
            return [_checked(spec) for specs in hook() for spec in specs]
    except (Exception, SystemExit) as error:
        raise _broken(candidate, error, "while loading") from error


def _checked(spec: Any) -> ObjectiveSpec:
    if not isinstance(spec, ObjectiveSpec):
        msg = f"upo_register_objectives returned {spec!r}, not an ObjectiveSpec"
        raise TypeError(msg)
    return spec


def _claim(objectives: dict[str, RegisteredObjective], new: RegisteredObjective) -> None:
    old = objectives.setdefault(new.spec.name, new)
    if old is not new:
        raise DuplicateNameError(
            f"the objective '{new.spec.name}' is registered by {old.plugin.origin} and by {new.plugin.origin}",
            where=f"entry point '{new.plugin.name}' of {new.plugin.distribution}",
            fix=_how_to_block(new.plugin.distribution),
        )


def _claimed_twice(candidate: PluginCandidate) -> DuplicateNameError:
    return DuplicateNameError(
        f"{candidate.origin} claims the plugin name '{candidate.name}': {candidate.reason}; its code was not run",
        where=f"entry point '{candidate.name} = {candidate.module}'",
        fix=_how_to_block(candidate.distribution),
    )


def _broken(candidate: PluginCandidate, error: BaseException, when: str) -> PluginError:
    return PluginError(
        f"the plugin '{candidate.name}' of {candidate.origin} failed {when}: {type(error).__name__}: {error}",
        where=f"module {candidate.module}",
        fix=_how_to_block(candidate.distribution),
    )


def _printed(candidate: PluginCandidate, text: str) -> str:
    return f"the plugin '{candidate.name}' of {candidate.origin} prints while loading: {text[:80]!r}"


def _how_to_block(distribution: str) -> str:
    return f"pip uninstall {distribution}, or block it: --block-plugin {distribution}"
