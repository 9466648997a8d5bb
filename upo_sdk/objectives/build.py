"""From references to live objectives: look up or import, validate the options, construct."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Any, get_type_hints

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ValidationError

from upo_sdk.config import Schedule
from upo_sdk.config.files import config_error
from upo_sdk.errors import ObjectiveRefError, PluginError, UPOError, did_you_mean
from upo_sdk.objectives.adapters import FunctionObjective
from upo_sdk.objectives.protocol import AuxiliaryObjective, Needs, Objective, PreferenceObjective
from upo_sdk.plugin.registry import source_sha256
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import ObjectiveRef
    from upo_sdk.plugin.registry import Registry

__all__ = ["LiveObjective", "build_objectives", "check_options", "union_of_needs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObjective:
    """A constructed objective with the name, weight and origin it is reported under."""

    ref: ObjectiveRef
    objective: Objective
    options: BaseModel | None
    distribution: str
    version: str
    target: str
    target_sha256: str

    @property
    def label(self) -> str:
        """The name under which it is logged."""
        return self.ref.label

    @property
    def weight(self) -> float:
        """The weight the user gave."""
        return self.ref.weight

    @property
    def schedule(self) -> Schedule | None:
        """How the weight changes over the run, or None if it does not."""
        return Schedule.parse(self.ref.schedule) if self.ref.schedule else None

    @property
    def is_preference(self) -> bool:
        """Whether it is a loss on log-probs; else it is a reward on texts."""
        return isinstance(self.objective, PreferenceObjective)

    @property
    def auxiliary(self) -> AuxiliaryObjective:
        """The objective as a reward."""
        if not isinstance(self.objective, AuxiliaryObjective):
            msg = f"{self.label} is not auxiliary"
            raise TypeError(msg)
        return self.objective

    @property
    def preference(self) -> PreferenceObjective:
        """The objective as a loss."""
        if not isinstance(self.objective, PreferenceObjective):
            msg = f"{self.label} is not a preference objective"
            raise TypeError(msg)
        return self.objective


def build_objectives(refs: Sequence[ObjectiveRef], registry: Registry) -> list[LiveObjective]:
    """Construct every objective; none is set up yet.

    Raises:
        UPOError: An objective is unknown, an option is wrong, or a target cannot be imported.
    """
    return [_build(ref, registry) for ref in refs]


def union_of_needs(objectives: Sequence[LiveObjective]) -> Needs:
    """Return what has to be prepared so that every objective has what it asks for."""
    needs = [item.objective.needs for item in objectives]
    return Needs(
        reference=any(need.reference for need in needs),
        pairs=any(need.pairs for need in needs),
        kl=any(need.kl for need in needs),
        margin=any(need.margin for need in needs),
        token_counts=any(need.token_counts for need in needs),
        columns=frozenset[str]().union(*(need.columns for need in needs)),
        batch_statistic=any(need.batch_statistic for need in needs),
    )


def check_options(ref: ObjectiveRef, registry: Registry) -> BaseModel | None:
    """Validate the options of a registered objective without importing the objective itself.

    Raises:
        ObjectiveRefError: An option is unknown or has a wrong value.
    """
    registered = registry.get(ref.name)
    target = registered.spec.options
    return _validate(ref, _load(target, ref, registered.plugin.origin) if target else None)


def _build(ref: ObjectiveRef, registry: Registry) -> LiveObjective:
    if ref.is_dotted_path:
        _check_not_blocked(ref, registry)
        return _build_from_path(ref)
    registered = registry.get(ref.name)
    options = check_options(ref, registry)
    return LiveObjective(
        ref=ref,
        objective=_construct(_load(registered.spec.target, ref, registered.plugin.origin), options, ref),
        options=options,
        distribution=registered.plugin.distribution,
        version=registered.plugin.version,
        target=registered.spec.target,
        target_sha256=registered.target_sha256(),
    )


def _build_from_path(ref: ObjectiveRef) -> LiveObjective:
    found = _load(ref.name, ref, "the dotted path you gave")
    options = _validate(ref, _options_model(found, ref) if inspect.isclass(found) else None)
    return LiveObjective(
        ref=ref,
        objective=_construct(found, options, ref) if inspect.isclass(found) else FunctionObjective(found),
        options=options,
        distribution="(dotted path)",
        version="",
        target=ref.name,
        target_sha256=source_sha256(ref.name.partition(":")[0]),
    )


def _check_not_blocked(ref: ObjectiveRef, registry: Registry) -> None:
    owners = {canonicalize_name(name) for name in packages_distributions().get(ref.name.partition(".")[0], ())}
    for plugin in registry.plugins:
        if plugin.status == "blocked" and plugin.distribution in owners and plugin.reason.endswith("block list"):
            raise PluginError(
                f"'{ref.name}' is in {plugin.origin}, which is blocked",
                where=f"objective '{ref}'",
                fix="leave the objective out, or the distribution off the block list",
            )


def _options_model(found: type, ref: ObjectiveRef) -> type[BaseModel] | None:
    try:
        return get_type_hints(inspect.getattr_static(found, "__init__")).get("options")
    except NameError as error:
        raise PluginError(
            f"the type of the options of '{ref.name}' cannot be found: {error}",
            where=f"objective '{ref}'",
            fix="import the options class outside `if TYPE_CHECKING`, or use the registered name",
        ) from error


def _load(target: str, ref: ObjectiveRef, origin: str) -> Any:
    try:
        found = load_target(target)
    except Exception as error:
        raise PluginError(
            f"'{target}' cannot be imported: {type(error).__name__}: {error}",
            where=f"objective '{ref}', from {origin}",
            fix="install the package it is in (the current folder is not searched by itself) or correct the path",
        ) from error
    if not callable(found):
        raise PluginError(
            f"'{target}' is neither a class nor a function", where=f"objective '{ref}'", fix="name a callable"
        )
    return found


def _validate(ref: ObjectiveRef, model: type[BaseModel] | None) -> BaseModel | None:
    where = f"objective '{ref}'"
    if model is None:
        if ref.options:
            raise ObjectiveRefError(
                f"'{ref.name}' takes no options", where=where, fix=f"write {ref.name}:{ref.weight:g}"
            )
        return None
    known = list(model.model_fields)
    for option in ref.options:
        if option not in known:
            raise ObjectiveRefError(
                f"'{ref.name}' has no option '{option}'",
                where=where,
                fix=f"{did_you_mean(option, known)}options: {', '.join(known)} (`upo objectives show {ref.name}`)",
            )
    try:
        return model.model_validate(ref.options)
    except ValidationError as error:
        problem = config_error(error, model, where)
        raise ObjectiveRefError(problem.what, where=problem.where, fix=f"upo objectives show {ref.name}") from None


def _construct(factory: Any, options: BaseModel | None, ref: ObjectiveRef) -> Objective:
    try:
        built = factory() if options is None else factory(options)
    except UPOError:
        raise
    except Exception as error:
        raise PluginError(
            f"'{ref.name}' could not be constructed: {type(error).__name__}: {error}", where=f"objective '{ref}'"
        ) from error
    if not isinstance(built, PreferenceObjective | AuxiliaryObjective):
        raise PluginError(
            f"'{ref.name}' is not an objective: it has neither a loss() nor a rewards() method",
            where=f"objective '{ref}'",
            fix="implement upo_sdk.objectives.AuxiliaryObjective or PreferenceObjective",
        )
    return built
