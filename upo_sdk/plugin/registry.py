"""The plugins of one run: loaded once, owned by that run, with an owner for every result and every failure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from packaging.utils import canonicalize_name

from upo_sdk.config import PluginPolicy
from upo_sdk.errors import DuplicateNameError, PluginError, UnknownObjectiveError, did_you_mean
from upo_sdk.guarded_call import prints_caught
from upo_sdk.plugin.discovery import check_required, discover
from upo_sdk.plugin.source import source_sha256
from upo_sdk.plugin.specs import PROJECT, DatasetFormatSpec, HookSpecs, ObjectiveSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from upo_sdk.plugin.discovery import PluginCandidate

__all__ = ["Failure", "RegisteredObjective", "Registry", "load_registry"]

Spec = TypeVar("Spec", ObjectiveSpec, DatasetFormatSpec)


_OFFERS = {
    "upo_register_dataset_formats": "data format",
    "upo_register_commands": "commands",
    "upo_register_callbacks": "callbacks",
    "upo_review_run": "review",
}


@dataclass(frozen=True)
class RegisteredObjective:
    """A spec and the plugin it came from."""

    spec: ObjectiveSpec
    plugin: PluginCandidate

    @cached_property
    def target_sha256(self) -> str:
        """The hash of the target's source, for the manifest and the score cache; the target is not imported."""
        return source_sha256(self.spec.target.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Failure:
    """What kept a plugin from loading.

    Attributes:
        asked: Whether that plugin was asked for, by its distribution.
        names: The objectives and data formats that nobody gets because of it.
    """

    error: PluginError
    plugin: str
    asked: bool
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Registry:
    """What the loaded plugins registered.

    Attributes:
        objectives: By name, built-ins first.
        plugins: Every candidate with its final status, also those that did not load.
        failures: What kept plugins from loading; the other plugins work.
        remarks: What a plugin did while loading that it should not do, such as printing.
    """

    objectives: Mapping[str, RegisteredObjective]
    plugins: tuple[PluginCandidate, ...]
    failures: tuple[Failure, ...] = ()
    remarks: tuple[str, ...] = ()
    _formats: tuple[DatasetFormatSpec, ...] = field(default=(), repr=False, kw_only=True)
    _manager: pluggy.PluginManager = field(repr=False, kw_only=True)

    @property
    def errors(self) -> tuple[PluginError, ...]:
        """What kept a plugin from loading, or a required one that is missing."""
        return tuple(failure.error for failure in self.failures)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a command that continues should show: at most one line on plugins that did not load, and the remarks."""
        broken = [f"{failure.plugin} ({failure.error.what})" for failure in self.failures if not failure.asked]
        if not broken:
            return self.remarks
        who = "a plugin" if len(broken) == 1 else f"{len(broken)} plugins"
        text = f"{who} did not load and what it offers is missing: {'; '.join(broken)}; see upo plugins list"
        return (text, *self.remarks)

    def check(self) -> Registry:
        """Return the registry, or raise what kept a plugin from loading that was required or allowed by name."""
        for failure in self.failures:
            if failure.asked:
                raise failure.error
        return self

    def get(self, name: str) -> RegisteredObjective:
        """Return the objective of that name.

        Raises:
            UnknownObjectiveError: With what to write instead, or the closest name and the list of known ones.
        """
        self.check_name(name)
        if name not in self.objectives:
            raise UnknownObjectiveError(
                f"there is no objective '{name}'", where="`objectives`", fix=self._instead_of(name)
            )
        return self.objectives[name]

    def default_preference(self, shape: str) -> str | None:
        """Return the preference objective for data of that shape when the user names none; None if there is none."""
        return next((name for name, item in self.objectives.items() if shape in item.spec.default_for), None)

    def check_name(self, name: str) -> None:
        """Raise what keeps an objective or a data format of that name from being had."""
        for failure in self.failures:
            if name in failure.names:
                raise failure.error

    def _instead_of(self, name: str) -> str:
        for item in self.objectives.values():
            if name in item.spec.variants:
                return f"it is a variant of '{item.spec.name}': write {item.spec.variants[name]}"
        broken = "; upo plugins list says which plugins did not load" if self.failures else ""
        return f"{did_you_mean(name, list(self.objectives))}known: {', '.join(self.objectives)}{broken}"

    def offers(self, plugin: PluginCandidate) -> list[str]:
        """Return what a loaded plugin offers: kinds of objectives, ``data format``, ``commands`` and so on."""
        kinds = {item.spec.kind for item in self.objectives.values() if item.plugin.module == plugin.module}
        module = self._manager.get_plugin(_key(plugin))
        hooks = {caller.name for caller in self._manager.get_hookcallers(module) or ()} if module else set[str]()
        return sorted(kinds) + [name for hook, name in _OFFERS.items() if hook in hooks]

    def dataset_formats(self, wanted: str | None = None) -> list[DatasetFormatSpec]:
        """Return the dataset formats of all plugins.

        Args:
            wanted: The format that is asked for by name, if one is.

        Raises:
            PluginError: The plugin that has it did not load, or another one claims its name.
        """
        if wanted:
            self.check_name(wanted)
        return list(self._formats)

    def calls(self, hook: str, **arguments: Any) -> list[tuple[str, Any]]:
        """Call a hook plugin by plugin and return ``(distribution, result)``, so that each failure has an owner.

        Raises:
            PluginError: A plugin raised; its exception is the cause.
        """
        return [(owner.origin, call()) for owner, call in self._implementations(hook, arguments)]

    def attempts(self, hook: str, **arguments: Any) -> list[PluginError]:
        """Call a hook of every plugin, whatever the others do, and return what went wrong."""
        errors: list[PluginError] = []
        for _, call in self._implementations(hook, arguments):
            try:
                call()
            except PluginError as error:
                errors.append(error)
        return errors

    def _implementations(
        self, hook: str, arguments: Mapping[str, Any]
    ) -> Iterator[tuple[PluginCandidate, Callable[[], Any]]]:
        """Yield every plugin that implements a hook, with the call that names it as the owner of a failure."""
        by_name = {_key(plugin): plugin for plugin in self.plugins}
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            owner = by_name[implementation.plugin_name]
            yield owner, partial(_call, owner, hook, implementation, arguments)


def load_registry(policy: PluginPolicy | None = None) -> Registry:
    """Load the allowed plugins into a registry of their own.

    A plugin that cannot be loaded is recorded, not raised: what does not need it continues. Call :meth:`Registry.check`
    before a run, which raises if it was asked for.
    """
    policy = policy or PluginPolicy()
    found = discover(policy)
    loading = _Loading(policy)
    for candidate in found:
        loading.take(candidate)
    missing = (Failure(error, "a required plugin", asked=True) for error in check_required(policy, found))
    return Registry(
        loading.objectives,
        tuple(loading.plugins),
        (*missing, *loading.failures),
        tuple(loading.remarks),
        _formats=tuple(loading.formats.values()),
        _manager=loading.manager,
    )


class _Loading:
    """Loads one plugin after the other; one that fails leaves nothing behind."""

    def __init__(self, policy: PluginPolicy) -> None:
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(HookSpecs)
        self.plugins: list[PluginCandidate] = []
        self.objectives: dict[str, RegisteredObjective] = {}
        self.formats: dict[str, DatasetFormatSpec] = {}
        self.failures: list[Failure] = []
        self.remarks: list[str] = []
        self._owners: dict[str, PluginCandidate] = {}
        allowed = policy.allow if isinstance(policy.allow, tuple) else ()
        self._asked = {canonicalize_name(name) for name in (*policy.require, *allowed)}

    def take(self, candidate: PluginCandidate) -> None:
        """Load a candidate that may load, and remember what became of it."""
        if candidate.status == "refused" and not candidate.builtin:
            self._fail(candidate, _claimed_twice(candidate), candidate.name)
        elif candidate.status == "failed":
            self._fail(candidate, _not_installed(candidate), candidate.name)
        if candidate.status != "allowed":
            self.plugins.append(candidate)
            return
        try:
            objectives, formats = self._register(candidate)
            for name in (*(spec.name for spec in objectives), *(spec.name for spec in formats)):
                self._claim(name, candidate)
        except PluginError as error:
            if self.manager.has_plugin(_key(candidate)):
                self.manager.unregister(name=_key(candidate))
            self._fail(candidate, error, candidate.name)
            self.plugins.append(replace(candidate, status="failed", reason=error.what))
        else:
            self.objectives |= {spec.name: RegisteredObjective(spec, candidate) for spec in objectives}
            self.formats |= {spec.name: spec for spec in formats}
            self.plugins.append(replace(candidate, status="loaded"))

    def _fail(self, candidate: PluginCandidate, error: PluginError, *names: str) -> None:
        disputed = (error.name,) if isinstance(error, _DisputedError) else ()
        asked = candidate.distribution in self._asked
        self.failures.append(Failure(error, candidate.origin, asked, frozenset((*names, *disputed))))

    def _claim(self, name: str, candidate: PluginCandidate) -> None:
        """Take a name for a plugin that asks for it first.

        Raises:
            DuplicateNameError: Another one has it; neither is preferred from then on.
        """
        old = self._owners.setdefault(name, candidate)
        if old is not candidate:
            raise _DisputedError(name, old, candidate)

    def _register(self, candidate: PluginCandidate) -> tuple[list[ObjectiveSpec], list[DatasetFormatSpec]]:
        manager = self.manager
        try:
            with prints_caught(lambda text: self.remarks.append(_printed(candidate, text))):
                module: ModuleType = candidate.entry_point.load()
                manager.register(module, name=_key(candidate))
                manager.check_pending()
                return (
                    self._specs("upo_register_objectives", ObjectiveSpec, module),
                    self._specs("upo_register_dataset_formats", DatasetFormatSpec, module),
                )
        except (Exception, SystemExit) as error:
            raise _broken(candidate, error, "while loading") from error

    def _specs(self, hook: str, kind: type[Spec], module: ModuleType) -> list[Spec]:
        others = [plugin for plugin in self.manager.get_plugins() if plugin is not module]
        found = self.manager.subset_hook_caller(hook, others)()
        for spec in (specs := [spec for part in found for spec in part]):
            if not isinstance(spec, kind):
                raise TypeError(f"a hook returned {spec!r}, which is not of the type {kind.__name__}")
        return specs


class _DisputedError(DuplicateNameError):
    """Two plugins register one name."""

    def __init__(self, name: str, old: PluginCandidate, new: PluginCandidate) -> None:
        super().__init__(
            f"'{name}' is registered by {old.origin} and by {new.origin}",
            where=f"entry point '{new.name}' of {new.distribution}",
            fix=_how_to_block(new.distribution),
        )
        self.name = name


def _call(owner: PluginCandidate, hook: str, implementation: pluggy.HookImpl, arguments: Mapping[str, Any]) -> Any:
    try:
        return implementation.function(**{name: arguments[name] for name in implementation.argnames})
    except (Exception, SystemExit) as error:
        raise _broken(owner, error, f"while running {hook}") from error


def _key(candidate: PluginCandidate) -> str:
    return f"{candidate.distribution}:{candidate.name}"


def _not_installed(candidate: PluginCandidate) -> PluginError:
    return PluginError(
        f"the plugin '{candidate.name}' of {candidate.origin} cannot be loaded: {candidate.reason}",
        where=f"entry point '{candidate.name} = {candidate.module}'",
        fix=candidate.fix,
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
    return f"pip uninstall {distribution}, or block it: `plugins.block={distribution}`"
