"""The core names no objective: no string in it equals the name of a built-in one, unless the word is another thing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import upo_sdk
from upo_sdk.plugin.registry import load_registry

CORE = Path(upo_sdk.__file__).parent
NAMES = frozenset(load_registry().check().objectives)
TEXT_FORM = re.compile(r"([\w-]+)(?:[:,/]\S*)?")
OTHER_THINGS = {
    "config/objective_target.py": {"http"},  # the protocol
    "http/address.py": {"http"},
    "config/judge.py": {"hf", "http"},  # kinds of judges, beside lm:
    "evaluation/text_metrics.py": {"length"},  # a measure of every evaluation
    "sweep/table.py": {"length"},
    "data/unused.py": {"length"},  # a column that exporters add
    "report/audit/answers.py": {"length"},  # a measure of answers
}


def named(source: str) -> set[str]:
    """Return the objectives that are the whole of a string, in text form; an example in a sentence is none."""
    constants = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    found = (TEXT_FORM.fullmatch(value) for value in constants if isinstance(value, str))
    return {match[1] for match in found if match} & NAMES


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.relative_to(CORE).as_posix())
def test_no_string_of_the_core_is_the_name_of_an_objective(path: Path) -> None:
    found = named(path.read_text(encoding="utf-8"))
    assert found <= OTHER_THINGS.get(path.relative_to(CORE).as_posix(), set())


def test_a_name_in_code_is_found() -> None:
    assert named('if ref.name == "toxicity": add("kto:1", log="dpo/loss")') == {"toxicity", "kto", "dpo"}
