"""``upo eval``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.option_names import as_options_of_eval
from upo_cli.options import assign, assign_sets, settings_from_options, with_config_options
from upo_cli.output import print_json
from upo_cli.shared import (
    SPELLINGS,
    BlockPlugin,
    Json,
    LogFormat,
    LogFormatOption,
    Plugins,
    Quiet,
    RequirePlugin,
    Sets,
    plugin_settings,
)
from upo_sdk.config import EvalConfig, ObjectiveRef, build_eval_config
from upo_sdk.errors import ConfigError
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from upo_sdk.events import Callback
    from upo_sdk.records import EvaluationRecord

__all__ = ["app"]

app = typer.Typer()

_EPILOG = """
A run folder is evaluated on the run's evaluation split, with the run's objectives, against the run's base model.
Answers and scores are cached: an evaluation that is repeated, or was stopped, reuses them.

Options also work with dashes: --num-samples. The exit code is 1 if a condition of --fail-if holds.
"""

_STOPPING = "stopping after this batch, finished work is kept; interrupt again to stop at once"


@app.command("eval", cls=StrictCommand, epilog=_EPILOG, context_settings=SPELLINGS)
@partial(with_config_options, model=EvalConfig)
def evaluate(  # noqa: PLR0913 - one per option
    *,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="A run folder, a model's folder, a hub name, or demo.", show_default=False
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The model to compare with. Default: the run's base model.", rich_help_panel="Run"
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="NAME,OPTION=VALUE",
            help="An objective that scores the answers; repeatable. Default: the run's. A preference objective sets "
            "beta.",
            rich_help_panel="Run",
        ),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail_if",
            metavar="CONDITION",
            help="A condition, for example 'toxicity>0.02' or 'length_ratio>1.5'; repeatable. The exit code is 1 if "
            "one holds.",
            rich_help_panel="Run",
        ),
    ] = None,
    set_: Sets = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of eval.json and stop.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    log_format: LogFormatOption = "auto",
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    require_plugin: RequirePlugin = None,
    **given: Any,
) -> None:
    """Compare a model with its base model: rewards, accuracy, divergence, style and safety."""
    if schema:
        from upo_sdk.records import EvaluationRecord as Result

        print_json(Result.model_json_schema())
        return
    if model is None:
        raise ConfigError(
            "there is no model to evaluate", where="upo eval", fix="name one, for example: upo eval upo-run"
        )
    settings = settings_from_options(given, EvalConfig)
    assign(settings, "model.path", model)
    if baseline is not None:
        assign(settings, "baseline.path", baseline)
    settings["objectives"] = [ObjectiveRef.model_validate(text) for text in objective or ()]
    settings["fail_if"] = fail_if or []
    assign_sets(settings, set_ or ())
    settings["plugins"] = plugin_settings(settings.get("plugins", {}), plugins, block_plugin, require_plugin)
    _run(build_eval_config(settings, where="command line"), as_json=json, quiet=quiet or json, log_format=log_format)


def _run(config: EvalConfig, *, as_json: bool, quiet: bool, log_format: LogFormat) -> None:
    from upo_cli.eval_view import print_evaluation
    from upo_cli.progress import open_view
    from upo_cli.view import showing
    from upo_sdk.evaluation.evaluate import evaluate as run

    registry = load_registry(config.plugins).check()
    shown = open_view(log_format, quiet=quiet, spelled=as_options_of_eval)
    with showing(shown, as_json=as_json, message=_STOPPING) as (view, cancel):
        result = run(config, registry=registry, callbacks=[view], cancel=cancel)
        _refresh(Path(str(result.config["output_dir"])), view)
    print_json(result.model_dump(mode="json")) if as_json else print_evaluation(result)
    _end(result)


def _refresh(folder: Path, view: Callback) -> None:
    """Bring the card and the report of a run that was evaluated up to date."""
    from upo_sdk.events import Notice
    from upo_sdk.publish import refresh_card
    from upo_sdk.records import RunRecord
    from upo_sdk.report import write_report_or_warn

    if (folder / RunRecord.FILE).is_file():
        refresh_card(folder)
        write_report_or_warn(folder, lambda text: view.on_event(Notice("warning", text)))


def _end(result: EvaluationRecord) -> None:
    if result.failed:
        raise typer.Exit(1)
