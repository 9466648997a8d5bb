from __future__ import annotations

import subprocess
import sys

import pytest

_REPORT = """
import sys
from upo_cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    heavy = {{"torch", "transformers", "datasets", "numpy", "textstat", "detoxify"}} & sys.modules.keys()
    print("CODE", end.code, "HEAVY", sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["train", "--help"],
        ["objectives", "list"],
        ["objectives", "show", "dpo"],
        ["objectives", "show", "toxicity"],
        ["objectives", "show", "lexical"],
        ["objectives", "show", "hf"],
        ["objectives", "show", "http"],
        ["objectives", "show", "trl"],
        ["plugins", "list"],
        ["config", "schema"],
        ["config", "init"],
    ],
    ids=" ".join,
)
def test_looking_around_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _REPORT.format(arguments=arguments)], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "CODE 0 HEAVY []"


def test_a_typo_in_an_objective_is_answered_without_importing_anything_heavy() -> None:
    source = _REPORT.format(arguments=["train", "-o", "toxicty:0.3"])
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "CODE 2 HEAVY []"
    assert "did you mean 'toxicity'?" in done.stderr
