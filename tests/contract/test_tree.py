"""``tests/unit`` mirrors ``upo_sdk``: what is tested where can be told from the tree alone."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDK, UNIT = ROOT / "upo_sdk", ROOT / "tests" / "unit"
TESTS = [file.relative_to(UNIT) for file in sorted(UNIT.rglob("test_*.py"))]


def folders_of_modules() -> dict[str, set[Path]]:
    """For each module's and each package's name, the folders in which there is one."""
    found = defaultdict[str, set[Path]](set)
    for file in SDK.rglob("*.py"):
        module = file.parent if file.name == "__init__.py" else file
        if module != SDK:
            found[module.stem].add(module.parent.relative_to(SDK))
    return found


def imported(file: Path) -> set[str]:
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("test", TESTS, ids=str)
def test_a_unit_test_lies_in_the_folder_of_the_package_that_it_imports(test: Path) -> None:
    package = ".".join(("upo_sdk", *test.parent.parts[:1]))
    assert (SDK / test.parent / "__init__.py").is_file()
    assert [name for name in imported(UNIT / test) if name.startswith(f"{package}.")]


def test_a_unit_test_with_a_modules_name_lies_beside_that_module() -> None:
    modules = folders_of_modules()
    named = {test: modules.get(test.stem.removeprefix("test_"), {test.parent}) for test in TESTS}
    assert {str(test): folders for test, folders in named.items() if test.parent not in folders} == {}


def test_folders_of_built_in_plugins_have_tests() -> None:
    plugins = {item.parent.name for item in (ROOT / "plugins" / "upo_plugins").glob("*/__init__.py")}
    assert plugins == {item.name for item in (ROOT / "tests" / "plugins").iterdir() if [*item.glob("test_*.py")]}
