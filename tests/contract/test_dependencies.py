"""What the packages import is declared, what is declared is imported, and only what libraries make public is used."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"upo_sdk", "upo_plugins", "upo_cli"}
BY_CHOICE = {
    "cut-cross-entropy",
    "peft",
    "pytest",
    "ray",
    "wandb",
}  # imported where a user has asked for what needs them


def imports(source: str) -> Iterator[tuple[str, str]]:
    """Every absolute import as the module and, for ``from module import name``, the name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((str(node.module), alias.name) for alias in node.names)


def of_libraries() -> Iterator[tuple[Path, str, str]]:
    for package in (ROOT / "upo_sdk", ROOT / "plugins" / "upo_plugins", ROOT / "cli" / "upo_cli"):
        for file in package.rglob("*.py"):
            for module, name in imports(file.read_text()):
                if module.partition(".")[0] not in OWN | sys.stdlib_module_names:
                    yield file, module, name


def distributions_used() -> set[str]:
    owners = packages_distributions()
    tops = {module.partition(".")[0] for _, module, _ in of_libraries()}
    return {canonicalize_name(owner) for top in tops for owner in owners.get(top, [top])}


def declared(*, extra: str | None = None) -> set[str]:
    texts = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    assert distributions_used() - BY_CHOICE == declared()


def test_what_is_imported_by_choice_stands_in_an_extra() -> None:
    assert {name for extra in PROJECT["optional-dependencies"] for name in declared(extra=extra)} >= BY_CHOICE


def test_every_requirement_has_a_lower_bound_that_the_constraints_meet() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    tested = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    requirements = [Requirement(text) for text in PROJECT["dependencies"]]
    assert not [str(item) for item in requirements if not {">=", "=="} & {part.operator for part in item.specifier}]
    assert not [str(item) for item in requirements if tested[canonicalize_name(item.name)] not in item.specifier]


def test_nothing_private_of_a_library_is_imported() -> None:
    private = [
        f"{file.relative_to(ROOT)}: from {module} import {name}"
        for file, module, name in of_libraries()
        if any(part.startswith("_") for part in (*module.split("."), name))
    ]
    assert private == []


@pytest.mark.parametrize("source", ["import a._b", "from a._b import c", "from a import _c"])
def test_the_proof_sees_every_form_of_a_private_import(source: str) -> None:
    assert any(part.startswith("_") for module, name in imports(source) for part in (*module.split("."), name))
