"""From references to live objectives: look up or import, validate the options, construct."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from functools import partial, reduce
from importlib.metadata import packages_distributions
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_type_hints

from packaging.utils import canonicalize_name
from pydantic import BaseModel, ValidationError

from upo_sdk.config import Schedule
from upo_sdk.config.files import config_error
from upo_sdk.config.objective_ref import check_labels
from upo_sdk.errors import ObjectiveRefError, PluginError, UPOError, did_you_mean
from upo_sdk.objectives.adapters import FunctionObjective, scored_function
from upo_sdk.objectives.protocol import AuxiliaryObjective, Needs, Objective, PreferenceObjective
from upo_sdk.plugin import load_target, source_sha256
from upo_sdk.plugin.names import default_label, find_objective, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import ObjectiveRef
    from upo_sdk.plugin.registry import Registry

__all__ = ["LiveObjective", "beta_of", "build_objectives", "check_options", "load_options", "union_of_needs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveObjective:
    """A constructed objective with the label, weight and origin it is reported under."""

    ref: ObjectiveRef
    label: str
    objective: Objective
    options: BaseModel | None
    distribution: str
    version: str
    target: str
    target_sha256: str

    @property
    def weight(self) -> float:
        """The weight the user gave."""
        return self.ref.weight

    @property
    def origin(self) -> str:
        """``NAME VERSION`` of the distribution it comes from."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def place(self) -> str:
        """Where its code is, for messages."""
        return f"{self.target} of {self.origin}"

    @property
    def schedule(self) -> Schedule | None:
        """How the weight changes over the run, or None if it does not."""
        return Schedule.parse(self.ref.schedule) if self.ref.schedule else None

    @property
    def is_preference(self) -> bool:
        """Whether it is a loss on log-probs; else it is a reward on texts."""
        return isinstance(self.objective, PreferenceObjective)

    @property
    def scores_answers(self) -> bool:
        """Whether it can score a model's own answers, which have no columns of a dataset."""
        return not (self.objective.needs.columns or self.objective.needs.score_columns)

    @property
    def auxiliary(self) -> AuxiliaryObjective:
        """The objective as a reward."""
        assert isinstance(self.objective, AuxiliaryObjective), self.label  # noqa: S101 - the caller asked
        return self.objective

    @property
    def preference(self) -> PreferenceObjective:
        """The objective as a loss."""
        assert isinstance(self.objective, PreferenceObjective), self.label  # noqa: S101 - the caller asked
        return self.objective


def build_objectives(refs: Sequence[ObjectiveRef], registry: Registry) -> list[LiveObjective]:
    """Construct every objective; none is set up yet.

    Raises:
        UPOError: An objective is unknown, an option is wrong, a label occurs twice, or a target cannot be imported.
    """
    check_labels([label_of(ref, registry) for ref in refs])
    return [_build(_without_default_label(ref, registry), registry) for ref in refs]


def beta_of(objectives: Sequence[LiveObjective], *, default: float) -> float:
    """Return β of the first preference objective: 1 if it has no such option, ``default`` if there is none."""
    return next((float(getattr(item.options, "beta", 1.0)) for item in objectives if item.is_preference), default)


def union_of_needs(objectives: Sequence[LiveObjective]) -> Needs:
    """Return what has to be prepared so that every objective has what it asks for."""
    needs = [item.objective.needs for item in objectives]
    values = {field.name: [getattr(need, field.name) for need in needs] for field in fields(Needs)}
    return Needs(**{name: reduce(or_, found, getattr(Needs(), name)) for name, found in values.items()})


def check_options(ref: ObjectiveRef, registry: Registry) -> BaseModel | None:
    """Validate the options of a registered objective without importing the objective itself; a path is left alone.

    Raises:
        ObjectiveRefError: An option is unknown or has a wrong value.
    """
    found = find_objective(ref, registry)
    if found is None:
        return None
    return _validate(ref, load_options(ref, registry), positional=found.spec.positional)


def load_options(ref: ObjectiveRef, registry: Registry) -> type[BaseModel] | None:
    """Return the options model of an objective, or None if it takes no options; a dotted path is imported.

    Raises:
        PluginError: The objective is unknown or blocked, or its options cannot be imported.
    """
    registered = find_objective(ref, registry)
    if registered is None:
        return _options_of_path(_load_path(ref, registry), ref)
    target = registered.spec.options
    return _options_model(_load(target, ref, registered.plugin.origin)) if target else None


def _without_default_label(ref: ObjectiveRef, registry: Registry) -> ObjectiveRef:
    """Return the reference as if ``as`` had not been written where it says no more than the default."""
    if ref.label == ref.named or ref.label != default_label(ref, registry):
        return ref
    return ref.model_copy(update={"label": ref.named})


def _build(ref: ObjectiveRef, registry: Registry) -> LiveObjective:
    registered = find_objective(ref, registry)
    if registered is None:
        return _build_from_path(ref, registry)
    options = check_options(ref, registry)
    if registered.spec.target_kind == "import" and registered.spec.positional:
        _check_not_blocked(getattr(options, registered.spec.positional), ref, registry)
    target = _load(registered.spec.target, ref, registered.plugin.origin)
    return LiveObjective(
        ref=ref,
        label=label_of(ref, registry),
        objective=_construct(scored_function(target) or target, options, ref),
        options=options,
        distribution=registered.plugin.distribution,
        version=registered.plugin.version,
        target=registered.spec.target,
        target_sha256=registered.target_sha256,
    )


def _build_from_path(ref: ObjectiveRef, registry: Registry) -> LiveObjective:
    found = _load_path(ref, registry)
    options = _validate(ref, _options_of_path(found, ref))
    return LiveObjective(
        ref=ref.model_copy(update={"name": ref.named, "target": ""}),
        label=ref.label,
        objective=_construct(_factory_of_path(found), options, ref),
        options=options,
        distribution="(dotted path)",
        version="",
        target=ref.named,
        target_sha256=source_sha256(ref.named.partition(":")[0]),
    )


def _load_path(ref: ObjectiveRef, registry: Registry) -> Any:
    _check_not_blocked(ref.named, ref, registry)
    unknown = f"no objective is named '{ref.name}': {did_you_mean(ref.name, list(registry.objectives))}"
    return _load(ref.named, ref, "the dotted path you gave", unknown if ref.target else "")


def _options_of_path(found: Any, ref: ObjectiveRef) -> type[BaseModel] | None:
    return _options_of_init(found, ref) if inspect.isclass(found) else _options_model(found)


def _factory_of_path(found: Any) -> Any:
    """Return what makes the objective: a class, what the decorator left on a function, or a wrapper of it."""
    if inspect.isclass(found):
        return found
    return scored_function(found) or partial(FunctionObjective, found)


def _options_model(found: Any) -> type[BaseModel] | None:
    """Return an options model itself, or that of a decorated function; a function without options has none."""
    if inspect.isclass(found):
        return cast("type[BaseModel]", found)
    scored = scored_function(found)
    return scored.options if scored else None


def _check_not_blocked(path: str, ref: ObjectiveRef, registry: Registry) -> None:
    package = re.split(r"[.:]", path)[0]
    blocked = [item for item in registry.plugins if item.status == "blocked" and item.reason.endswith("block list")]
    owners = _distributions_of(package) if blocked else set()  # reads the files of everything installed
    for plugin in blocked:
        if plugin.distribution in owners or re.split(r"[.:]", plugin.module)[0] == package:
            raise PluginError(
                f"'{path}' is in {plugin.origin}, which is blocked",
                where=f"objective '{ref}'",
                fix="leave the objective out, or the distribution off the block list",
            )


def _distributions_of(package: str) -> set[str]:
    """Return the canonical names of the distributions that a package belongs to."""
    try:
        return {canonicalize_name(name) for name in packages_distributions().get(package, ()) if name}
    except Exception:  # noqa: BLE001 - any broken installation makes it raise; the modules of plugins are still known
        return set()


def _options_of_init(found: type, ref: ObjectiveRef) -> type[BaseModel] | None:
    try:
        return get_type_hints(inspect.getattr_static(found, "__init__")).get("options")
    except NameError as error:
        raise PluginError(
            f"the type of the options of '{ref.named}' cannot be found: {error}",
            where=f"objective '{ref}'",
            fix="import the options class outside `if TYPE_CHECKING`, or use the registered name",
        ) from error


def _load(target: str, ref: ObjectiveRef, origin: str, hint: str = "") -> Any:
    try:
        found = load_target(target)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"'{target}' cannot be imported: {type(error).__name__}: {error}",
            where=f"objective '{ref}', from {origin}",
            fix=f"{hint}{_how_to_find(target, error)}",
        ) from error
    if not callable(found):
        raise PluginError(
            f"'{target}' is neither a class nor a function",
            where=f"objective '{ref}'",
            fix="give the path of a class or function",
        )
    return found


def _how_to_find(target: str, error: BaseException) -> str:
    """Return what to do about a target that cannot be imported; it may lie in the folder that is not searched."""
    top = target.partition(":")[0].partition(".")[0]
    beside = Path(f"{top}.py").is_file() or (Path(top) / "__init__.py").is_file()
    if isinstance(error, ModuleNotFoundError) and error.name == top and beside:
        return (
            f"{top} lies in the current folder, which is not searched by itself: put PYTHONPATH=. before the command, "
            f"or make it a package and install it"
        )
    return "install the package it is in (the current folder is not searched by itself) or correct the path"


def _validate(ref: ObjectiveRef, model: type[BaseModel] | None, *, positional: str | None = None) -> BaseModel | None:
    where, given = f"objective '{ref}'", _with_target(ref, positional)
    if model is None:
        if given:
            raise ObjectiveRefError(
                f"'{ref.name}' takes no options", where=where, fix=f"write {ref.name}:{ref.weight:g}"
            )
        return None
    known = list(model.model_fields)
    for option in given:
        if option not in known:
            raise ObjectiveRefError(
                f"'{ref.name}' has no option '{option}'",
                where=where,
                fix=f"{did_you_mean(option, known)}options: {', '.join(known)} (`upo objectives show {ref.name}`)",
            )
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problem = config_error(error, model, where)
        raise ObjectiveRefError(problem.what, where=problem.where, fix=f"upo objectives show {ref.name}") from None


def _with_target(ref: ObjectiveRef, positional: str | None) -> dict[str, Any]:
    if positional is None or not ref.target:
        return ref.options
    if positional in ref.options:
        raise ObjectiveRefError(
            f"'{ref.name}' has the option '{positional}' twice",
            where=f"objective '{ref}'",
            fix=f"upo objectives show {ref.name}",
        )
    return {positional: ref.target, **ref.options}


def _construct(factory: Any, options: BaseModel | None, ref: ObjectiveRef) -> Objective:
    try:
        built = factory() if options is None else factory(options)
    except UPOError:
        raise
    except (Exception, SystemExit) as error:
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
