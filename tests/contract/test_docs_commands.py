"""Every command line and configuration that a page shows names commands, options, objectives and keys that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from upo_cli.main import build_app
from upo_sdk.config import ObjectiveRef, build_config
from upo_sdk.plugin.registry import load_registry
from upo_sdk.sweep import parse_objective

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "plugins").rglob("README.md")])
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_UPO = re.compile(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?upo (.*)")


def blocks(kind: str) -> list[Any]:
    """Return the page and text of every block of a kind."""
    found = [(page, match) for page in PAGES for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))]
    return [
        pytest.param(match[2], id=f"{page.relative_to(ROOT)}:{match.start()}")
        for page, match in found
        if match[1] == kind
    ]


def commands(block: str) -> list[list[str]]:
    """Return the words behind ``upo`` of every command of a block, without its comment."""
    parts = [part for line in block.replace("\\\n", " ").splitlines() for part in line.split(" && ")]
    found = [_UPO.match(part) for part in parts]
    return [shlex.split(match[1], comments=True) for match in found if match]


REGISTRY = load_registry()
APP = typer.main.get_command(build_app())


@pytest.mark.parametrize("block", blocks("console"))
def test_commands_and_options_exist_and_objectives_can_be_read(block: str) -> None:
    for words in commands(block):
        command: Any = APP
        rest = list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        known = {name for option in command.params for name in option.opts} | {"--help", "-h", "-q", "-o"}
        for before, word in zip(["", *rest], rest, strict=False):
            if word.startswith("-") and not word[1:2].isdigit():
                name = word.split("=")[0]
                assert name in known or name.replace("-", "_").replace("__", "--", 1) in known, f"{words}: {word}"
            if before in {"--objective", "-o"}:
                parse_objective(word, REGISTRY) if words[0] == "sweep" else ObjectiveRef.model_validate(word)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_configurations_have_only_keys_that_exist(block: str) -> None:
    shown = yaml.safe_load(block)
    build_config(shown if isinstance(shown, dict) else {"objectives": shown})
