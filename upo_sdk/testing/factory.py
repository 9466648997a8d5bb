"""From whatever names or makes an objective to the subject of the checks."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any, get_type_hints

from pluggy import PluginManager
from pydantic import BaseModel, ValidationError

from upo_sdk.config import ObjectiveRef, PluginPolicy
from upo_sdk.config.files import config_error
from upo_sdk.errors import ObjectiveRefError, PluginError
from upo_sdk.objectives import AuxiliaryObjective, PreferenceObjective
from upo_sdk.objectives.adapters import FunctionObjective, scored_function
from upo_sdk.plugin import ObjectiveSpec
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.discovery import ENTRY_POINT_GROUP, PluginCandidate
from upo_sdk.plugin.registry import RegisteredObjective, Registry, load_registry
from upo_sdk.testing.samples import ORDINARY
from upo_sdk.testing.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from upo_sdk.objectives import Completion
    from upo_sdk.plugin.specs import ObjectiveKind

__all__ = ["Factory", "make_subject", "rebuild"]

Factory = str | ObjectiveSpec | Callable[..., Any]

_KINDS: dict[str, ObjectiveKind] = {"loss": "preference", "rewards": "auxiliary"}


def make_subject(
    factory: Factory,
    *,
    options: BaseModel | Mapping[str, Any] | None = None,
    completions: Sequence[Completion] | None = None,
    registry: Registry | None = None,
    hook_module: str | None = None,
) -> Subject:
    """Return the subject that a factory stands for.

    Args:
        factory: See :func:`upo_sdk.testing.check_objective`.
        options: For a spec or class.
        completions: What to score; the kit's samples by default.
        registry: Where names are looked up; by default, every plugin that is installed.
        hook_module: For a spec: the module that registers it.

    Raises:
        UPOError: The factory makes no objective.
    """
    samples = ORDINARY if completions is None else completions
    if isinstance(factory, str):
        if options is not None:
            raise ObjectiveRefError(
                "options of a name are part of it",
                where=f"options of '{factory}'",
                fix=f"write '{factory},OPTION=VALUE'",
            )
        return _from_text(factory, registry or load_registry(PluginPolicy(allow="auto")), samples)
    if isinstance(factory, ObjectiveSpec):
        return _from_spec(factory, options, samples, hook_module)
    if inspect.isclass(factory):
        return _from_class(factory, options, samples)
    return _from_function(factory, options, samples)


def _from_text(text: str, registry: Registry, samples: Sequence[Completion]) -> Subject:
    third_party = {plugin.distribution for plugin in registry.plugins if plugin.status == "loaded"}
    recipe = {"text": text, "allow": sorted(third_party)}
    return _from_ref(ObjectiveRef.model_validate(text), registry, samples, recipe, label=text)


def _from_spec(
    spec: ObjectiveSpec,
    options: BaseModel | Mapping[str, Any] | None,
    samples: Sequence[Completion],
    hook_module: str | None,
) -> Subject:
    given = _dump(options) if isinstance(options, BaseModel) else dict(options or {})
    recipe = {"spec": asdict(spec), "options": given}
    ref = ObjectiveRef(name=spec.name, options=given or {})
    subject = _from_ref(ref, _registry_of(spec), samples, recipe, label=spec.name)
    return replace(subject, hook_module=hook_module)


def _from_ref(
    ref: ObjectiveRef, registry: Registry, samples: Sequence[Completion], recipe: Mapping[str, Any], *, label: str
) -> Subject:
    (live,) = build_objectives([ref], registry)
    registered = registry.objectives.get(ref.name)
    return Subject(
        label=label,
        kind="preference" if live.is_preference else "auxiliary",
        build=lambda: build_objectives([ref], registry)[0].objective,
        spec=registered.spec if registered else None,
        options=live.options,
        recipe=recipe,
        hook_module=registered.plugin.module if registered else None,
        samples=samples,
    )


def _registry_of(spec: ObjectiveSpec) -> Registry:
    """Return a registry that holds this objective alone, as if it were installed."""
    module = spec.target.partition(":")[0]
    plugin = PluginCandidate(
        name=spec.name,
        module=module,
        distribution="(under test)",
        version="",
        entry_point=EntryPoint(spec.name, module, ENTRY_POINT_GROUP),
        status="loaded",
        reason="under test",
    )
    manager = PluginManager(ENTRY_POINT_GROUP)
    return Registry({spec.name: RegisteredObjective(spec, plugin)}, (plugin,), _manager=manager)


def _from_class(found: type, options: BaseModel | Mapping[str, Any] | None, samples: Sequence[Completion]) -> Subject:
    model = type(options) if isinstance(options, BaseModel) else _options_model(found)
    checked = _options(model, options, found.__name__)
    places = {"class": _locate(found), "model": _locate(model) if model else None}
    known = places["class"] and (model is None or places["model"])
    return Subject(
        label=found.__name__,
        kind=_kind(found, found.__name__),
        build=_builder(found, checked),
        options=checked,
        recipe={**places, "options": _dump(checked)} if known else None,
        samples=samples,
    )


def _from_function(
    function: Callable[..., Any], options: BaseModel | Mapping[str, Any] | None, samples: Sequence[Completion]
) -> Subject:
    label = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, PreferenceObjective | AuxiliaryObjective):
        raise PluginError(
            f"{label} is one objective, and the checks need to make fresh ones",
            where="check_objective",
            fix=f"give the class {label}, or `lambda: {label}(...)`",
        )
    scored = scored_function(function)
    checked = _options(scored.options if scored else None, options, label)
    if scored is not None:
        build = _builder(scored, checked)
    else:
        build = function if _takes_nothing(function) else lambda: FunctionObjective(function)
    place = _locate(function)
    return Subject(
        label=label,
        kind=_kind(build(), label),
        build=build,
        options=checked,
        recipe={"function": place, "options": _dump(checked)} if place else None,
        samples=samples,
    )


def rebuild(recipe: Mapping[str, Any]) -> Subject:
    """Return the subject that a recipe describes; the other end of :attr:`Subject.recipe`."""
    if "text" in recipe:
        registry = load_registry(PluginPolicy(allow=tuple(recipe["allow"])))
        return make_subject(recipe["text"], registry=registry)
    if "spec" in recipe:
        return make_subject(ObjectiveSpec(**recipe["spec"]), options=recipe["options"])
    if "function" in recipe:
        return make_subject(_find(recipe["function"]), options=recipe["options"])
    options = _find(recipe["model"]).model_validate(recipe["options"]) if recipe["model"] else None
    return make_subject(_find(recipe["class"]), options=options)


def _builder(found: Callable[..., Any], options: BaseModel | None) -> Callable[[], Any]:
    return found if options is None else lambda: found(options)


def _takes_nothing(function: Callable[..., Any]) -> bool:
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return all(
        parameter.default is not parameter.empty or parameter.kind in variable
        for parameter in inspect.signature(function).parameters.values()
    )


def _kind(found: object, label: str) -> ObjectiveKind:
    for method, kind in _KINDS.items():
        if callable(getattr(found, method, None)):
            return kind
    raise PluginError(
        f"'{label}' is not an objective: it has neither a loss() nor a rewards() method",
        where="check_objective",
        fix="implement upo_sdk.objectives.AuxiliaryObjective or PreferenceObjective",
    )


def _options_model(found: type) -> type[BaseModel] | None:
    try:
        hints = get_type_hints(inspect.getattr_static(found, "__init__"))
    except NameError as error:
        raise PluginError(
            f"the type of the options of {found.__name__} cannot be found: {error}",
            where="check_objective",
            fix=f"give them: check_objective({found.__name__}, options=...), or give the ObjectiveSpec",
        ) from error
    model: type[BaseModel] | None = hints.get("options")
    return model


def _options(
    model: type[BaseModel] | None, options: BaseModel | Mapping[str, Any] | None, name: str
) -> BaseModel | None:
    if model is None and options:
        raise ObjectiveRefError(f"'{name}' takes no options", where="check_objective", fix="leave options= out")
    if model is None or isinstance(options, BaseModel):
        return options if isinstance(options, BaseModel) else None
    try:
        return model.model_validate(dict(options or {}))
    except ValidationError as error:
        problem = config_error(error, model, f"options of '{name}'")
        raise ObjectiveRefError(problem.what, where=problem.where, fix="give options={...}") from None


def _dump(options: BaseModel | None) -> dict[str, Any] | None:
    return options.model_dump(mode="json") if options is not None else None


def _locate(found: Any) -> dict[str, str] | None:
    """Return module, file and name of a class or function; None if it is local, a lambda, or has no file."""
    name: str = getattr(found, "__qualname__", "<")
    module = sys.modules.get(getattr(found, "__module__", ""))
    file = getattr(module, "__file__", None)
    if module is None or file is None or "<" in name:
        return None
    return {"module": module.__name__, "file": file, "name": name}


def _find(place: dict[str, str]) -> Any:
    """Return what :func:`_locate` described; a module that cannot be imported by name is loaded from its file."""
    found: Any = _module(place["module"], place["file"])
    for part in place["name"].split("."):
        found = getattr(found, part)
    return found


def _module(name: str, file: str) -> ModuleType:
    if name != "__main__":
        try:
            return import_module(name)
        except ImportError:
            pass
    spec = spec_from_file_location(name if name != "__main__" else "__upo_main__", file)
    if spec is None or spec.loader is None:
        msg = f"{file} cannot be loaded"
        raise ImportError(msg)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
