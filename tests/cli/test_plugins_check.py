"""``upo plugins check``: the kit on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Installer, Upo, UpoProcess

EXAMPLE = Path(__file__).parents[1] / "third_party" / "upo-example"

_LOUD = """
from upo_sdk.objectives import Needs
from upo_sdk.plugin import ObjectiveSpec, hookimpl

@hookimpl
def upo_register_objectives():
    return [ObjectiveSpec(name="loud", kind="auxiliary", target="acme_loud:Loud")]

class Loud:
    needs = Needs()
    def setup(self, device): pass
    def close(self): pass
    def rewards(self, completions):
        print("[scoring]")
        return [0.5 for _ in completions]
"""

_PRICED = """
from upo_sdk.objectives import Needs

class Priced:
    needs = Needs(columns=frozenset({"price"}))
    def setup(self, device): pass
    def close(self): pass
    def rewards(self, completions):
        return [float(item.columns["price"]) for item in completions]
"""


def test_an_objective_that_passes_ends_with_0_and_names_every_check(upo: Upo) -> None:
    ended = upo("plugins", "check", "length,target=20", "--json")
    assert ended.code == 0
    (found,) = ended.data["objectives"]
    assert (ended.data["passed"], found["name"], found["kind"]) == (True, "length,target=20", "auxiliary")
    outcomes = {check["name"]: check["outcome"] for check in found["checks"]}
    assert outcomes["same_in_another_process"] == "passed"
    assert set(outcomes.values()) == {"passed", "skipped"}


def test_a_check_that_fails_ends_with_1_and_says_how_to_mend_it(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-loud", _LOUD)
    for target in ("loud", "acme-loud", "acme_loud"):
        ended = upo_with_site("plugins", "check", target)
        assert ended.code == 1
        assert "prints_nothing" in ended.out
        assert "it wrote '[scoring]" in ended.out
        assert "fix: take out print()" in ended.out
        assert "1 failed" in ended.out
    assert upo_with_site("plugins", "check", "loud", "--json").data["passed"] is False


def test_a_folder_is_checked_without_being_installed(upo_process: UpoProcess) -> None:
    ended = upo_process("plugins", "check", str(EXAMPLE), "--json")
    assert ended.code == 0, ended.err
    assert [found["name"] for found in ended.data["objectives"]] == ["question", "mention"]
    for found in ended.data["objectives"]:
        skipped = [check["name"] for check in found["checks"] if check["outcome"] == "skipped"]
        assert skipped == ["fingerprint_tells_scorers_apart"]


def test_a_dotted_path_is_checked_with_completions_of_ones_own(upo_with_site: UpoProcess, tmp_path: Path) -> None:
    (tmp_path / "site" / "priced.py").write_text(_PRICED)
    rows = [{"prompt": "Price?", "response": f"{price} euro", "price": price} for price in (3, 4.5)]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert upo_with_site("plugins", "check", "priced:Priced", "--completions", "mine.jsonl").code == 0
    without = upo_with_site("plugins", "check", "priced:Priced")
    assert without.code == 1
    assert "the column(s) price were made up" in without.out


def test_an_objective_of_a_distribution_that_needs_options_is_named_and_left_out(
    upo_with_site: UpoProcess, install: Installer
) -> None:
    two = _LOUD.replace('print("[scoring]")', "").replace(
        "return [Obj", 'return [ObjectiveSpec(name="picky", kind="auxiliary", target="acme_loud:Picky"), Obj'
    )
    install("acme-loud", two + "\nclass Picky(Loud):\n    def __init__(self): raise ValueError('a word is missing')\n")
    ended = upo_with_site("plugins", "check", "acme-loud")
    assert ended.code == 0
    assert "picky: not checked: 'picky' could not be constructed: ValueError: a word is missing" in ended.out


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("lenght", "did you mean 'length'"),
        ("length", "needs either a target or a maximum"),
        ("./nowhere", "pyproject.toml cannot be read"),
        ("toxicity", "would have to be downloaded"),
        ("no_such.module:Thing", "cannot be imported"),
    ],
)
def test_what_cannot_be_checked_is_bad_input(upo: Upo, target: str, message: str) -> None:
    ended = upo("plugins", "check", target)
    assert ended.code == 2
    assert message in ended.err


def test_a_folder_that_registers_nothing_or_breaks_is_bad_input(upo_process: UpoProcess, tmp_path: Path) -> None:
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "pyproject.toml").write_text('[project]\nname = "acme"\n')
    assert "does not register a plugin" in upo_process("plugins", "check", "./plugin").err
    (tmp_path / "plugin" / "pyproject.toml").write_text('[project.entry-points.upo]\nacme = "acme_broken"\n')
    ended = upo_process("plugins", "check", "./plugin")
    assert (ended.code, "No module named 'acme_broken'" in ended.err) == (2, True)


@pytest.mark.parametrize("text", ["", "{", '{"prompt": "a"}', '{"prompt": "a", "response": 1}', "[1]"])
def test_completions_that_are_none_are_bad_input(upo: Upo, tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    ended = upo("plugins", "check", "length,target=9", "--completions", "mine.jsonl")
    assert ended.code == 2
    assert '"response": "Three."' in ended.err
    assert upo("plugins", "check", "length,target=9", "--completions", "nowhere.jsonl").code == 2


def test_a_blocked_distribution_is_not_run(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-loud", _LOUD)
    ended = upo_with_site("plugins", "check", "acme-loud", "--block-plugin", "acme-loud")
    assert (ended.code, ended.out) == (2, "")
    assert "acme-loud 1.0 is blocked" in ended.err
