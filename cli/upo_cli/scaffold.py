"""The distribution of a new plugin: its names, which are free and usable and its files, written whole or not at all."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from string import Template
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from upo_sdk.errors import OutputError, PluginError

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.plugin.registry import Registry
    from upo_sdk.plugin.specs import ObjectiveKind

__all__ = ["PluginNames", "render", "write_distribution"]

_PREFIX = "upo-"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PluginNames:
    """What everything in a new distribution is called.

    Attributes:
        distribution: What ``pip install`` takes, in its canonical form (PEP 503); also the folder.
    """

    distribution: str

    @classmethod
    def choose(cls, typed: str, registry: Registry) -> PluginNames:
        """Return the names that follow from what the user typed.

        Raises:
            PluginError: It is not a name, Python could not import it, or it is taken.
        """
        names = cls(_distribution(typed))
        _check_importable(names)
        _check_free(names, registry)
        return names

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def objective(self) -> str:
        """What ``--objective`` takes."""
        return self.distribution.removeprefix(_PREFIX)

    @property
    def class_name(self) -> str:
        """What its classes begin with."""
        return "".join(part.capitalize() for part in self.objective.split("-"))


def _distribution(typed: str) -> str:
    try:
        name = canonicalize_name(typed, validate=True)
    except InvalidName:
        raise _refusal(typed, "is not a name that pip can install", _words(typed)) from None
    if not _IDENTIFIER.fullmatch(name) or not _IDENTIFIER.fullmatch(name.removeprefix(_PREFIX)):
        raise _refusal(typed, "does not begin with a letter", f"{_PREFIX}my-{name.removeprefix(_PREFIX)}")
    return name


def _words(typed: str) -> str:
    """Return the letters and digits of what was typed as a name, without what pip would take for a version."""
    words = re.findall(r"[a-z0-9]+", re.split(r"[<>=~!@\[;]", typed)[0].lower())
    return "-".join(words) or f"{_PREFIX}polite"


def _check_importable(names: PluginNames) -> None:
    package = names.package
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        raise _refusal(package, "is a keyword of Python and cannot be the name of a package", _prefixed(names))
    if package in sys.stdlib_module_names:
        raise _refusal(
            package, "is a module of Python's standard library, and your package would hide it", _prefixed(names)
        )


def _check_free(names: PluginNames, registry: Registry) -> None:
    another = f"{names.distribution}-2" if names.distribution.startswith(_PREFIX) else _prefixed(names)
    try:
        installed = version(names.distribution)
    except PackageNotFoundError:
        pass
    else:
        raise _refusal(names.distribution, f"is the name of an installed package ({installed})", another)
    if _is_installed(names.package):
        raise _refusal(names.package, "is an installed package, and yours would hide it", another)
    owner = registry.objectives.get(names.objective)
    claims = [item.origin for item in registry.plugins if item.name == names.objective]
    if owner is not None or claims:
        origin = owner.plugin.origin if owner is not None else claims[0]
        raise _refusal(names.objective, f"is an objective of {origin}", f"{_PREFIX}my-{names.objective}")


def _is_installed(package: str) -> bool:
    """Whether Python finds a package or module; a bare folder without any code is not one."""
    found = find_spec(package)
    return found is not None and found.origin is not None


def _prefixed(names: PluginNames) -> str:
    return f"{_PREFIX}{names.distribution}"


def _refusal(name: str, why: str, instead: str) -> PluginError:
    return PluginError(f"'{name}' {why}", where="NAME", fix=f"upo plugins new {instead}")


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
