"""``upo sweep``."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from upo_cli.boundary import INTERRUPTED, StrictCommand
from upo_cli.option_names import as_options
from upo_cli.options import config_options, with_config_options
from upo_cli.output import print_json, say
from upo_cli.plan_view import third_party
from upo_cli.settings import UserSettings, resolve
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
    warn_of_plugins,
)
from upo_cli.sweep_options import (
    FOLDER,
    BaseConfig,
    Beta,
    DryRun,
    Jobs,
    NumSamples,
    Objectives,
    OutputDir,
    Overwrite,
    Pareto,
    Random,
    Resume,
    Seeds,
    Varied,
    check_alone,
    names_of,
    values_of,
    with_beta_varied,
)
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import SweepRecord
    from upo_sdk.sweep import SweepConfig

__all__ = ["app"]

app = typer.Typer()

_OF_A_RUN = ("output_dir", "overwrite_output_dir", "resume_from_checkpoint")

_EPILOG = """
Separate values by commas: toxicity:0,0.1,0.3 tries three weights, dpo:beta=0.05,0.1 two values of beta, and
dpo:0.5,1,beta=0.05,0.1 varies both. Each combination is one training run, called a point.

To resume a sweep that was stopped or killed, repeat the command, or run upo sweep --resume FOLDER.

Every option of upo train works too, and applies to all points. Without --model and --data, the built-in demo runs.
"""


@app.command("sweep", cls=StrictCommand, epilog=_EPILOG, context_settings=SPELLINGS)
@partial(with_config_options, without=_OF_A_RUN)
def sweep(  # noqa: PLR0913 - one per option
    *,
    objective: Objectives = None,
    sweep_: Varied = None,
    beta: Beta = None,
    seeds: Seeds = None,
    random: Random = None,
    jobs: Jobs = 1,
    pareto: Pareto = None,
    num_samples: NumSamples = None,
    output_dir: OutputDir = None,
    overwrite_output_dir: Overwrite = False,
    resume: Resume = None,
    base_config: BaseConfig = None,
    preset: Preset = None,
    set_: Sets = None,
    dry_run: DryRun = False,
    json: Json = False,
    quiet: Quiet = False,
    log_format: LogFormatOption = "auto",
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    require_plugin: RequirePlugin = None,
    **given: Any,
) -> None:
    """Train with every combination of weights and options, and compare the trade-offs.

    Every point is an ordinary run in FOLDER/points/NAME, evaluated on held-out data by all objectives of the sweep; the
    points share one cache of scores, reference log-probs and answers of the base model.
    """
    from upo_sdk.sweep import SweepConfig

    if resume is not None:
        grid = {"objective": objective, "sweep": sweep_, "beta": beta, "seeds": seeds, "random": random}
        shared = {"base-config": base_config, "preset": preset, "set": set_, "num_samples": num_samples}
        place = {"output_dir": output_dir, "overwrite_output_dir": overwrite_output_dir, "dry-run": dry_run}
        own = {f"--{name}": value for name, value in {**grid, **shared, **place}.items()}
        check_alone(
            {
                **own,
                **{
                    option.flags[0]: given[option.parameter] for option in config_options() if option.parameter in given
                },
            }
        )
        go_on = partial(_go_on, resume, jobs, names_of(pareto))
        _run(go_on, resume, as_json=json, quiet=quiet, log_format=log_format)
        return
    resolved = resolve(
        UserSettings(
            preset=preset,
            file=base_config,
            options=given,
            sets=set_ or (),
            plugins=plugins,
            block_plugin=block_plugin,
            require_plugin=require_plugin,
        )
    )
    registry = load_registry(resolved.plugins).check()
    config = SweepConfig(
        base=resolved,
        objectives=with_beta_varied(objective or (), beta, registry) if beta else objective or (),
        settings=values_of(sweep_ or ()),
        seeds=seeds,
        random=random,
        jobs=jobs,
        pareto=names_of(pareto),
        evaluation={"num_samples": num_samples} if num_samples else {},
        output_dir=output_dir or FOLDER,
        overwrite=overwrite_output_dir,
        command=shlex.join(["upo", *sys.argv[1:]]),
    )
    if not json and log_format != "jsonl" and (loaded := third_party(registry)):
        say(f"note: third-party plugins: {', '.join(loaded)}", stderr=True)
    warn_of_plugins(registry, as_json=json, log_format=log_format)
    if dry_run:
        _show_points(config, registry, as_json=json)
    else:
        _run(partial(_begin, config), config.output_dir, as_json=json, quiet=quiet, log_format=log_format)


def _show_points(config: SweepConfig, registry: Registry, *, as_json: bool) -> None:
    from upo_cli.sweep_view import points_as_data, print_points
    from upo_sdk.sweep import check_points, plan_sweep

    grid = plan_sweep(config, registry)
    warnings = check_points(config, grid, registry)
    if as_json:
        print_json(points_as_data(grid))
        return
    print_points(grid)
    for text in warnings:
        say(f"warning: {as_options(text)}", stderr=True)


def _begin(config: SweepConfig, **how: Any) -> SweepRecord:
    from upo_sdk.sweep import sweep as run_sweep

    return run_sweep(config, **how)


def _go_on(folder: Path, jobs: int, pareto: tuple[str, ...], **how: Any) -> SweepRecord:
    from upo_sdk.sweep import resume_sweep

    return resume_sweep(folder, jobs=jobs, pareto=pareto, **how)


def _run(start: Callable[..., SweepRecord], folder: Path, *, as_json: bool, quiet: bool, log_format: LogFormat) -> None:
    from upo_cli.sweep_view import open_view, print_sweep
    from upo_cli.view import showing

    shown = open_view(log_format, quiet=quiet or as_json)
    with showing(shown, as_json=as_json) as (view, cancel):
        ended = start(callbacks=[view], cancel=cancel)
    print_json(ended.model_dump(mode="json")) if as_json else print_sweep(ended, str(folder))
    if cancel.is_set() and any(point.status not in {"done", "failed"} for point in ended.points):
        raise typer.Exit(INTERRUPTED)
    if any(point.status == "failed" for point in ended.points):
        raise typer.Exit(1)
