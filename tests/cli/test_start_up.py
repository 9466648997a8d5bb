from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from upo_cli.main import build_app

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


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=["--help", "--version", "nothing"])
def test_the_list_of_commands_imports_no_command_and_nothing_that_only_commands_need(arguments: list[str]) -> None:
    source = _REPORT.format(arguments=arguments).replace('"torch"', '"pydantic", "yaml", "pluggy", "upo_sdk.config"')
    environment = {**os.environ, "UPO_PLUGINS": "none"}
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr.splitlines()[-1].endswith("HEAVY []")


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    def listed(load: list[str]) -> dict[str, str]:
        root: Any = get_command(build_app(load=load))
        return {name: command.get_short_help_str(200) for name, command in root.commands.items()}

    everything = [*listed([])]
    assert listed([]) == listed(everything)
    assert everything == [
        *("train", "sweep", "eval", "score", "report", "runs", "merge", "push"),
        *("objectives", "plugins", "cache", "doctor", "config", "version"),
    ]


def test_a_typo_in_an_objective_is_answered_without_importing_anything_heavy() -> None:
    source = _REPORT.format(arguments=["train", "-o", "toxicty:0.3"])
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "CODE 2 HEAVY []"
    assert "did you mean 'toxicity'?" in done.stderr
