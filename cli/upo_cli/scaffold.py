"""Writes the distribution of a new plugin: beside its place first, then renamed, so that nothing half-written stays."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from upo_cli.plugin_names import PluginNames
    from upo_sdk.plugin.specs import ObjectiveKind

__all__ = ["render", "write_distribution"]

_SUMMARIES = {"auxiliary": "Responses that hold a word", "preference": "A loss on pairs"}
_BOUNDS = {"auxiliary": "(0.0, 1.0)", "preference": "None"}
_FUNCTIONS = {"auxiliary": "reward", "preference": "pair_loss"}


def render(names: PluginNames, kind: ObjectiveKind) -> dict[str, str]:
    """Return the text of every file of a new distribution by its path inside the folder."""
    values = {
        "distribution": names.distribution,
        "package": names.package,
        "objective": names.objective,
        "class_name": names.class_name,
        "kind": kind,
        "summary": _SUMMARIES[kind],
        "bounds": _BOUNDS[kind],
        "function": _FUNCTIONS[kind],
        "use": names.objective if kind == "preference" else f"{names.objective}:0.3",
        "sdk_version": version("upo-sdk"),
    }
    templates = files("upo_cli") / "templates"
    sources = {
        ".github/workflows/ci.yml": templates / "ci.yml.txt",
        ".gitignore": templates / "gitignore.txt",
        "README.md": templates / "README.md.txt",
        "pyproject.toml": templates / "pyproject.toml.txt",
        f"{names.package}/__init__.py": templates / "hook.py.txt",
        f"{names.package}/objective.py": templates / kind / "objective.py.txt",
        f"{names.package}/options.py": templates / kind / "options.py.txt",
        "tests/test_objective.py": templates / kind / "test_objective.py.txt",
    }
    texts = {path: Template(source.read_text(encoding="utf-8")).substitute(values) for path, source in sources.items()}
    return {**texts, f"{names.package}/py.typed": ""}


def write_distribution(texts: dict[str, str], folder: Path) -> None:
    """Write a new folder, whole or not at all.

    Raises:
        OutputError: Something of that name exists, or it cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise OutputError(
            f"'{folder.name}' exists and is not overwritten", where=str(folder), fix="choose another name, or --dir DIR"
        )
    beside = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        for path, text in texts.items():
            file = beside / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        beside.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the folder cannot be written: {error.strerror}", where=str(folder), fix="choose another place: --dir DIR"
    )
