"""What the SDK and the plugins say names settings by the keys of the configuration, in backticks; no options."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import typer

from upo_cli.fields import nested_model
from upo_cli.main import build_app
from upo_cli.option_names import as_options
from upo_sdk.config import EvalConfig, RunConfig, ScoreConfig, written_name
from upo_sdk.sweep import SweepConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
OPTION = re.compile(r"(?<![\w-])(?<!var\()--[a-z]")
SETTING = re.compile(r"`([a-z]\w*(?:\.\w+)*)(?:=[^`]*)?`")
COMMANDS = {
    "upo_sdk/plan/warnings.py": "an option of torchrun",
    "upo_sdk/plugin/discovery.py": "an option of pip",
    "upo_sdk/publish/push.py": "the command that pushes again",
    "upo_sdk/report/run_view.py": "the command that runs again",
    "upo_sdk/sweep/point.py": "a command line of its own",
    "upo_sdk/sweep/points.py": "the command of a point",
    "upo_sdk/sweep/process.py": "the command line of point.py",
    "upo_sdk/sweep/resume.py": "the command that resumes, beside the function",
    "upo_sdk/ranks.py": "options that start processes",
    "upo_sdk/training/arguments.py": "an option of accelerate",
    "upo_sdk/training/trackers.py": "a command of trackio",
}
"""Files with options, and why."""


def sources() -> list[str]:
    files = (path for folder in ("upo_sdk", "plugins") for path in (ROOT / folder).rglob("*.py"))
    return sorted(str(path.relative_to(ROOT)) for path in files)


def texts(path: str) -> Iterator[str]:
    """Yield every text of a module that may reach a message, an f-string with its values left out."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            yield node.value


@cache
def known() -> frozenset[str]:
    configurations = (key for model in (RunConfig, EvalConfig, ScoreConfig) for key in keys(model))
    return frozenset({*configurations, *(field.name for field in fields(SweepConfig))})


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{written_name(name, field)}"
        yield f"{key}.*" if get_origin(field.annotation) is dict else key
        if (section := nested_model(field)) is not None:
            yield from keys(section, f"{key}.")


def is_known(key: str) -> bool:
    mapping = key.rpartition(".")[0]
    return not known().isdisjoint({key, f"{key}.*", f"{mapping}.*"})


def test_a_message_names_no_option_of_the_command_line() -> None:
    found = {path for path in sources() if any(map(OPTION.search, texts(path)))}
    assert found == set(COMMANDS)


def test_a_setting_in_a_message_is_one_of_a_configuration() -> None:
    named = {(path, key) for path in sources() for text in texts(path) for key in SETTING.findall(text)}
    assert not {(path, key) for path, key in named if not is_known(key)}


def test_every_setting_is_shown_as_an_option_that_exists() -> None:
    app: Any = typer.main.get_command(build_app())
    options = {name for command in app.commands.values() for option in command.params for name in option.opts}
    shown = {key: as_options(f"`{key}`").split()[0] for key in known() if not key.endswith("*")}
    sections = {
        "model",
        "baseline",
        "data",
        "loss",
        "training",
        "lora",
        "plugins",
        "judge",
        "base",
        "evaluation",
        "command",
    }
    assert {key for key, option in shown.items() if option not in options} == sections
