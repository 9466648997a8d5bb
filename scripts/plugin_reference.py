"""The page of hooks and protocols, written from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from upo_sdk import objectives, plugin
from upo_sdk.plugin import HookSpecs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["plugin_reference"]

_INTRODUCTION = """# Plugin API

What an author of plugins imports, from two modules that import nothing heavy. [Your first
objective](../tutorials/your-first-objective.md) shows how it is used, [Write an
objective](../how-to/write-an-objective.md) what the rules are.
"""

_HOOKS = """## Hooks

Implement them in the module that the entry point of group `upo` names, each decorated with `upo_sdk.plugin.hookimpl`.
All are optional; an unknown name that begins with `upo_` is an error.
"""

_SECTION = re.compile(r"^(Attributes|Args|Raises|Returns):$")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def plugin_reference() -> str:
    """Return the page."""
    parts = [_INTRODUCTION, _HOOKS, *_members(HookSpecs)]
    for module in (plugin, objectives):
        parts += [f"## `{module.__name__}`\n", f"{_markdown(module)}\n"]
        for name in module.__all__:
            found = getattr(module, name)
            if found is not HookSpecs and (inspect.isclass(found) or inspect.isfunction(found)):
                parts += _entry(name, found)
    return "\n".join(parts)


def _entry(name: str, found: Any) -> Iterator[str]:
    if inspect.isfunction(found):
        yield f"### `{name}{_signature(found)}`\n"
        yield f"{_markdown(found)}\n"
        return
    yield f"### `{name}`\n"
    yield f"{_markdown(found)}\n"
    yield from _members(found)


def _members(found: type) -> Iterator[str]:
    for name, member in vars(found).items():
        function = member.fget if isinstance(member, property) else member
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        shown = name if isinstance(member, property) else f"{name}{_signature(function)}"
        yield f"- **`{shown}`**: {_markdown(function, indent='  ')}\n"


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    kept = [item for name, item in signature.parameters.items() if name != "self"]
    return str(signature.replace(parameters=kept)).replace("'", "")


def _markdown(found: Any, indent: str = "") -> str:
    """Return a docstring in Google's style as Markdown."""
    text = _ROLE.sub(r"`\1`", inspect.getdoc(found) or "").replace("``", "`")
    lines, in_section = list[str](), False
    for line in text.splitlines():
        if _SECTION.match(line):
            in_section = True
            lines.append(f"{line.removesuffix(':')}:\n")
        elif in_section and re.match(r" {4}\S", line):
            name, _, meaning = line.strip().partition(": ")
            lines.append(f"- `{name}`: {meaning}" if meaning else f"- {name}")
        else:
            lines.append(line.strip() if in_section and line.strip() else line)
    first, *rest = "\n".join(lines).rstrip().split("\n")
    return "\n".join([first, *(f"{indent}{line}" if line.strip() else "" for line in rest)])
