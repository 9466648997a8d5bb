"""``upo plugins check``."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path  # noqa: TC003 - Typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import Table, console, print_json
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins

if TYPE_CHECKING:
    from upo_cli.check_targets import Target
    from upo_sdk.testing import CheckResult

__all__ = ["register"]

_WORDS = {"passed": "passed", "failed": "FAILED", "expected": "expected", "skipped": "skipped"}


def register(plugins: typer.Typer) -> None:
    """Add the command to ``upo plugins``."""
    plugins.command("check", cls=StrictCommand)(check)


def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH",
            help="An objective as in --objective, a distribution, or a folder with a pyproject.toml (not installed).",
        ),
    ],
    *,
    completions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON lines with prompt, response and further columns to score. Default: built-in samples.",
        ),
    ] = None,
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    json: Json = False,
) -> int:
    """Run the conformance checks on an objective, which imports and runs its code. The exit code is 1 if one fails."""
    from upo_cli.check_targets import find_targets, read_completions

    samples = read_completions(completions) if completions else None
    targets = find_targets(target, load_plugins(plugins, block_plugin), samples)
    results = {item.name: _results(item) for item in targets}
    failed = any(result.outcome == "failed" for found in results.values() for result in found)
    if json:
        described = [_describe(item, results[item.name]) for item in targets]
        print_json({"passed": not failed, "objectives": described})
    else:
        for item in targets:
            _show(item, results[item.name])
    return int(failed)


def _results(target: Target) -> list[CheckResult]:
    """Run the checks; what an objective prints is reported by a check and not mixed with our output."""
    from upo_sdk.testing.kit import check_subject

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return list(check_subject(target.subject)) if target.subject else []


def _describe(target: Target, results: list[CheckResult]) -> dict[str, object]:
    return {
        "name": target.name,
        "kind": target.subject.kind if target.subject else None,
        "not_checked": target.problem or None,
        "checks": results,
    }


def _show(target: Target, results: list[CheckResult]) -> None:
    out = console()
    if target.subject is None:
        out.print(f"{target.name}: not checked: {target.problem}\n", markup=False)
        return
    out.print(f"{target.name} ({target.subject.kind})", style="bold", markup=False)
    rows = [(result.name, _WORDS[result.outcome], result.reason) for result in results]
    out.print(Table("check", "result", "why", rows=rows))
    counts = {word: sum(row[1] == word for row in rows) for word in _WORDS.values()}
    out.print(", ".join(f"{count} {word.lower()}" for word, count in counts.items() if count) + "\n", markup=False)
