"""``upo plugins list``, ``upo plugins check`` and ``upo plugins new``."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.option_names import as_options
from upo_cli.output import Table, console, print_error, print_json, say
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins

if TYPE_CHECKING:
    from upo_cli.check_targets import Target
    from upo_sdk.plugin.discovery import PluginCandidate
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.testing import CheckResult

__all__ = ["app"]

app = typer.Typer(name="plugins", no_args_is_help=True)


@app.command("list", cls=StrictCommand)
def list_plugins(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List every installed plugin, and say whether it loaded or why not. The exit code is 0 even if one is broken."""
    registry = load_plugins(plugins, block_plugin)
    found = [_describe(item, registry) for item in registry.plugins]
    problems = [{"what": error.what, "where": error.where, "fix": error.fix} for error in registry.errors]
    if json:
        print_json({"plugins": found, "problems": problems, "remarks": registry.remarks})
        return
    keys = ("name", "kind", "distribution", "version", "origin", "status", "reason")
    console().print(Table(*keys, rows=[[item[key] for key in keys] for item in found]))
    for error in registry.errors:
        print_error(error)
    for text in registry.remarks:
        say(f"note: {as_options(text)}", stderr=True)


def _describe(plugin: PluginCandidate, registry: Registry) -> dict[str, str]:
    return {
        "name": plugin.name,
        "kind": ", ".join(registry.offers(plugin)) or "-",
        "distribution": plugin.distribution,
        "version": plugin.version,
        "origin": "built in" if plugin.builtin else "third party",
        "status": plugin.status,
        "reason": plugin.reason,
        "module": plugin.module,
    }


_WORDS = {"passed": "passed", "failed": "FAILED", "expected": "expected", "skipped": "skipped"}


@app.command("check", cls=StrictCommand)
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
    results = {item.name: _check(item) for item in targets}
    failed = any(result.outcome == "failed" for found in results.values() for result in found)
    if json:
        described = [_described(item, results[item.name]) for item in targets]
        print_json({"passed": not failed, "objectives": described})
    else:
        for item in targets:
            _show_checks(item, results[item.name])
    return int(failed)


def _check(target: Target) -> list[CheckResult]:
    """Run the checks; what an objective prints is reported by a check and not mixed with our output."""
    from upo_sdk.testing.kit import check_subject

    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return list(check_subject(target.subject)) if target.subject else []


def _described(target: Target, results: list[CheckResult]) -> dict[str, object]:
    return {
        "name": target.name,
        "kind": target.subject.kind if target.subject else None,
        "not_checked": target.problem or None,
        "checks": results,
    }


def _show_checks(target: Target, results: list[CheckResult]) -> None:
    out = console()
    if target.subject is None:
        out.print(f"{target.name}: not checked: {target.problem}\n", markup=False)
        return
    out.print(f"{target.name} ({target.subject.kind})", style="bold", markup=False)
    rows = [(result.name, _WORDS[result.outcome], result.reason) for result in results]
    out.print(Table("check", "result", "why", rows=rows))
    counts = {word: sum(row[1] == word for row in rows) for word in _WORDS.values()}
    out.print(", ".join(f"{count} {word.lower()}" for word, count in counts.items() if count) + "\n", markup=False)


@app.command("new", cls=StrictCommand)
def new(
    name: Annotated[str, typer.Argument(help="Name of the new package, for example upo-polite.")],
    *,
    kind: Annotated[
        Literal["auxiliary", "preference"],
        typer.Option(help="A reward on texts, or a loss on log-probabilities and labels."),
    ] = "auxiliary",
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to create the package's folder.")
    ] = Path(),
    json: Json = False,
) -> None:
    """Write a new package with one objective and tests that pass. The objective is called NAME without 'upo-'."""
    from upo_cli.scaffold import PluginNames, render, write_distribution

    names = PluginNames.choose(name, load_plugins())
    place = folder / names.distribution
    texts = render(names, kind)
    write_distribution(texts, place)
    use = names.objective if kind == "preference" else f"{names.objective}:0.3"
    commands = [f'pip install -e "{place}[dev]"', f"pytest {_quoted(place)}", f"upo train --objective {use}"]
    if json:
        print_json({"folder": place, "objective": names.objective, "files": sorted(texts), "next": commands})
        return
    say(f"wrote {place}: fill in {place / names.package / 'objective.py'}; next:")
    for command in commands:
        say(f"  {command}")


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
