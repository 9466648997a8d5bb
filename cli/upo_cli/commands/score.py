"""``upo score``."""

from __future__ import annotations

from functools import partial
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated, Any

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.option_names import as_options_of_score
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
from upo_sdk.config import ObjectiveRef, ScoreConfig, build_score_config
from upo_sdk.plugin.registry import load_registry

__all__ = ["app"]

app = typer.Typer()

_EPILOG = """
Every row gets a column reward/LABEL: a number, or for pairs two: chosen, rejected. upo train reads them as they are.
Rewards are cached: a command that was stopped resumes where it was, and nothing is scored twice.

In a condition, LABEL is the reward of the completion, for pairs of the chosen one; LABEL.rejected and LABEL.difference
(chosen minus rejected) are the others. Several conditions must all hold. Options also work with dashes: --best-of.
"""

_STOPPING = "stopping after this batch, what is scored is kept; interrupt again to stop at once"


@app.command("score", cls=StrictCommand, epilog=_EPILOG, context_settings=SPELLINGS)
@partial(with_config_options, model=ScoreConfig)
def score(  # noqa: PLR0913 - one per option
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="The corpus: a file, a save_to_disk folder, or a hub name.")
    ],
    *,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            "-o",
            metavar="NAME,OPTION=VALUE",
            help="An objective that scores every completion; repeatable. List them: upo objectives list.",
            rich_help_panel="Run",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where the rows are written with their rewards: a .jsonl or .parquet file.",
            rich_help_panel="Run",
        ),
    ],
    set_: Sets = None,
    json: Json = False,
    quiet: Quiet = False,
    log_format: LogFormatOption = "auto",
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    require_plugin: RequirePlugin = None,
    **given: Any,
) -> None:
    """Label a corpus with the rewards of any objectives, and filter it by them."""
    settings = settings_from_options(given, ScoreConfig)
    assign(settings, "data.path", data)
    assign(settings, "output", output)
    settings["objectives"] = [ObjectiveRef.model_validate(text) for text in objective or ()]
    assign_sets(settings, set_ or ())
    settings["plugins"] = plugin_settings(settings.get("plugins", {}), plugins, block_plugin, require_plugin)
    _run(build_score_config(settings, where="command line"), as_json=json, quiet=quiet or json, log_format=log_format)


def _run(config: ScoreConfig, *, as_json: bool, quiet: bool, log_format: LogFormat) -> None:
    from upo_cli.progress import open_view
    from upo_cli.score_view import print_scored
    from upo_cli.view import showing
    from upo_sdk.corpus import score as run

    registry = load_registry(config.plugins).check()
    shown = open_view(log_format, quiet=quiet, spelled=as_options_of_score)
    with showing(shown, as_json=as_json, message=_STOPPING) as (view, cancel):
        result = run(config, registry=registry, callbacks=[view], cancel=cancel)
    print_json(result.model_dump(mode="json")) if as_json else print_scored(result)
