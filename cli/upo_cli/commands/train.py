"""``upo train``."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upo_cli.boundary import INTERRUPTED, StrictCommand
from upo_cli.launch import launch, should_launch
from upo_cli.option_names import as_options
from upo_cli.options import with_config_options
from upo_cli.output import Table, console, print_json, say
from upo_cli.plan_view import plan_as_data, print_plan, third_party
from upo_cli.settings import UserSettings, check_named_options, resolve, with_beta
from upo_cli.shared import (
    SPELLINGS,
    BlockPlugin,
    Json,
    LogFormat,
    LogFormatOption,
    Plugins,
    Preset,
    Quiet,
    RequirePlugin,
    Sets,
)
from upo_sdk.plugin.registry import load_registry
from upo_sdk.ranks import check_launch, is_main_process

if TYPE_CHECKING:
    from upo_sdk.config import RunConfig
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import Metric, RunRecord

__all__ = ["app"]

app = typer.Typer()

_EPILOG = """
Later settings win: default < --preset < --config < environment < command line. Objectives given here replace those
of the file.

Options also work with dashes: --learning-rate. Without --model and --data, the built-in demo runs.
"""


@app.command("train", cls=StrictCommand, epilog=_EPILOG, context_settings=SPELLINGS)
@with_config_options
def train(  # noqa: PLR0913 - one per option
    *,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A YAML or TOML file.", rich_help_panel="Run")
    ] = None,
    preset: Preset = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="NAME:WEIGHT,OPTION=VALUE",
            help="An objective, for example dpo or toxicity:0.3; repeatable. List them: upo objectives list.",
            rich_help_panel="Objectives",
        ),
    ] = None,
    beta: Annotated[
        str | None,
        typer.Option(
            metavar="float > 0",
            help="beta of every preference objective; overrides a beta that is written in an objective.",
            rich_help_panel="Objectives",
        ),
    ] = None,
    set_: Sets = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the plan and stop.", rich_help_panel="Run")
    ] = False,
    num_processes: Annotated[
        int | None,
        typer.Option(
            "--num_processes",
            min=1,
            help="Train in this many processes, one per GPU, or on CPU cores.",
            rich_help_panel="Run",
        ),
    ] = None,
    accelerate_config: Annotated[
        str | None,
        typer.Option(
            "--accelerate_config",
            metavar="ddp|fsdp2|zero2|FILE",
            help="How processes share a model: the file is one of accelerate config. Default: ddp.",
            rich_help_panel="Run",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: LogFormatOption = "auto",
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    require_plugin: RequirePlugin = None,
    **given: Any,
) -> None:
    """Train a model on preferences and any number of weighted objectives."""
    resolved = resolve(
        UserSettings(
            preset=preset,
            file=config,
            options=given,
            sets=set_ or (),
            objectives=objective or (),
            plugins=plugins,
            block_plugin=block_plugin,
            require_plugin=require_plugin,
        )
    )
    if should_launch(num_processes, accelerate_config):
        raise typer.Exit(launch(num_processes, accelerate_config, sys.argv[1:]))
    check_launch(num_processes)
    registry = load_registry(resolved.plugins).check()
    if beta is not None:
        resolved = with_beta(resolved, beta, registry)
    check_named_options(resolved, registry)
    if not json and log_format != "jsonl" and is_main_process() and (loaded := third_party(registry)):
        say(f"note: third-party plugins: {', '.join(loaded)}", stderr=True)
    if dry_run:
        _show_plan(resolved, registry, as_json=json)
    else:
        _run(resolved, registry, as_json=json, quiet=quiet or json, log_format=log_format)


def _show_plan(config: RunConfig, registry: Registry, *, as_json: bool) -> None:
    from upo_sdk.run import plan_run

    plan = plan_run(config, registry)
    if not is_main_process():
        return
    if as_json:
        print_json(plan_as_data(plan, registry))
        return
    print_plan(plan, console(), as_options)
    found = [(item.level, item.text) for item in plan.sample.findings]
    notes, warnings = ([text for level, text in found if level == kind] for kind in ("info", "warning"))
    for kind, texts in (("note", (*plan.notices, *notes)), ("warning", (*plan.warnings, *warnings))):
        for text in texts:
            say(f"{kind}: {as_options(text)}", stderr=True)


def _run(config: RunConfig, registry: Registry, *, as_json: bool, quiet: bool, log_format: LogFormat) -> None:
    from upo_cli.progress import open_view
    from upo_cli.view import showing
    from upo_sdk.events import Progress

    shown = open_view(log_format, quiet=quiet)
    with showing(shown, as_json=as_json) as (view, cancel):
        view.on_event(Progress("loading libraries", 0, 1, "import"))
        from upo_sdk.run import align

        view.on_event(Progress("loading libraries", 1, 1, "import"))
        result = align(config, registry=registry, callbacks=[view], cancel=cancel, command=_typed())
    if is_main_process():
        print_json(result.as_data()) if as_json else _print_result(result)
    if result.status == "cancelled":
        raise typer.Exit(INTERRUPTED)
    if config.push_to_hub and result.hub_url is None and is_main_process():
        raise typer.Exit(1)


def _print_result(result: RunRecord) -> None:
    out = console()
    if result.status == "cancelled":
        say(f"stopped after {result.steps} steps; checkpoint: {result.checkpoint_path}")
        out.print("resume: the same command with --resume_from_checkpoint last", soft_wrap=True)
        return
    if result.evaluation:
        rows = [_compared(label, metric) for label, metric in result.evaluation.rewards.items()]
        out.print(Table("mean reward of answers", "before", "after", "95 % of the change", rows=rows))
        out.print()
    for sentence in result.explanation:
        say(as_options(sentence))
    folder = str(result.output_dir)
    out.print(f"model: {folder} ({result.steps} steps; metrics.jsonl and run.json are beside it)", markup=False)
    if result.hub_url:
        say(f"pushed: {result.hub_url}")
    say(f"use it: from transformers import pipeline; print({_call(result)})")
    if (report := result.output_dir / "report.html").is_file():
        say(f"next: open {report} in a browser; it shows what changed")


def _compared(label: str, metric: Metric) -> list[str]:
    before, change = metric.baseline, metric.difference
    interval = change.interval if change else None
    return [
        label,
        f"{before.mean:.3f}" if before else "",
        f"{metric.value.mean:.3f}",
        f"{interval[0]:+.3f} to {interval[1]:+.3f}" if interval else "one prompt: no interval",
    ]


def _call(run: RunRecord) -> str:
    """Return the code that lets the model answer, as it was trained."""
    from upo_sdk.publish.card import call

    return call(run.data.called_with, generate=f'pipeline("text-generation", {str(run.output_dir)!r})')


def _typed() -> list[str]:
    return ["upo", *sys.argv[1:]]
