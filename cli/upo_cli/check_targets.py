"""What ``upo plugins check`` is asked to check: an objective, a distribution, or a folder that is not installed."""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy
from packaging.utils import canonicalize_name

from upo_sdk.errors import DataError, PluginError, UPOError
from upo_sdk.objectives import Completion
from upo_sdk.plugin import HookSpecs
from upo_sdk.plugin.discovery import ENTRY_POINT_GROUP
from upo_sdk.plugin.specs import PROJECT
from upo_sdk.testing.factory import make_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from upo_sdk.plugin import ObjectiveSpec
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.testing.subject import Subject

__all__ = ["Target", "find_targets", "read_completions"]


@dataclass(frozen=True, slots=True)
class Target:
    """One objective to check; without a subject, why it cannot be."""

    name: str
    subject: Subject | None
    problem: str = ""


def find_targets(text: str, registry: Registry, completions: Sequence[Completion] | None = None) -> list[Target]:
    """Return the objectives that a text stands for.

    Args:
        text: An objective as in ``--objective``, the name of an installed distribution, or a folder.
        registry: The installed plugins.
        completions: What to score instead of the kit's samples.

    Raises:
        UPOError: It stands for none, or none of them can be made.
    """
    if _looks_like_a_folder(text):
        return _of_folder(Path(text), completions)
    owned = [name for name, item in registry.objectives.items() if item.plugin.distribution == canonicalize_name(text)]
    if owned and text not in registry.objectives:
        return _each(owned, lambda name: make_subject(name, registry=registry, completions=completions))
    for plugin in registry.plugins:
        if plugin.distribution == canonicalize_name(text) and plugin.status != "loaded":
            raise PluginError(
                f"{plugin.origin} is {plugin.status}: {plugin.reason}",
                where=f"entry point '{plugin.name}'",
                fix="fix or allow it first; `upo plugins list` shows all",
            )
    return [Target(text, make_subject(text, registry=registry, completions=completions))]


def read_completions(path: Path) -> list[Completion]:
    """Return the completions of a JSON-lines file: ``prompt``, ``response``, and further columns.

    Raises:
        DataError: There is no such file, or a line is something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the completions cannot be read: {error}", where=str(path)) from error
    found = [_completion(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise DataError("there are no completions", where=str(path), fix=_LINE)
    return found


_LINE = 'write lines like {"prompt": "How much?", "response": "Three.", "price": 3}'


def _completion(line: str, where: str) -> Completion:
    try:
        row: Any = json.loads(line)
        prompt, response = row.pop("prompt"), row.pop("response")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError("the line is not a JSON object with prompt and response", where=where, fix=_LINE) from error
    if not isinstance(prompt, str) or not isinstance(response, str):
        raise DataError("prompt and response are not both text", where=where, fix=_LINE)
    return Completion(prompt, response, row)


def _looks_like_a_folder(text: str) -> bool:
    return text.startswith(".") or "/" in text or "\\" in text


def _of_folder(folder: Path, completions: Sequence[Completion] | None) -> list[Target]:
    modules = _entry_points(folder)
    sys.path[:0] = [str(place.resolve()) for place in (folder, folder / "src") if place.is_dir()]
    found = {spec.name: (spec, module) for module in modules for spec in _registered_by(module, folder)}

    def subject(name: str) -> Subject:
        spec, module = found[name]
        return make_subject(spec, completions=completions, hook_module=module)

    return _each(list(found), subject)


def _entry_points(folder: Path) -> list[str]:
    file, fix = folder / "pyproject.toml", f'add [project.entry-points.{ENTRY_POINT_GROUP}] with NAME = "MODULE"'
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise PluginError(f"{file} cannot be read: {error}", where=str(folder), fix="name a plugin's folder") from error
    modules = list(project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {}).values())
    if not modules:
        raise PluginError("the project does not register a plugin", where=str(file), fix=fix)
    return modules


def _registered_by(module: str, folder: Path) -> Iterator[ObjectiveSpec]:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecs)
    try:
        manager.register(import_module(module))
        manager.check_pending()
        for specs in manager.hook.upo_register_objectives():
            yield from specs
    except Exception as error:
        raise PluginError(
            f"the plugin cannot be loaded: {type(error).__name__}: {error}", where=f"module {module} of {folder}"
        ) from error


def _each(names: list[str], subject: Callable[[str], Subject]) -> list[Target]:
    """Return one target per name; raise only if none can be made."""
    targets: list[Target] = []
    problems: list[UPOError] = []
    for name in names:
        try:
            targets.append(Target(name, subject(name)))
        except UPOError as error:
            problems.append(error)
            targets.append(Target(name, None, f"{error.what} (upo plugins check {name},OPTION=VALUE)"))
    if len(problems) == len(names):
        raise problems[0] if problems else PluginError("the plugin registers no objective", fix="return ObjectiveSpecs")
    return targets
