"""``sweep``: run a grid of points, each an ordinary run in its own process, and find the front among them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.cache import cache_in_use
from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError
from upo_sdk.events import Notice
from upo_sdk.plugin.build import check_options
from upo_sdk.plugin.registry import load_registry
from upo_sdk.records import SweepRecord
from upo_sdk.records.base import now
from upo_sdk.run import plan_run
from upo_sdk.sweep.folder import SweepFolder
from upo_sdk.sweep.points import Grid, make_grid
from upo_sdk.sweep.resume import continued
from upo_sdk.sweep.runner import Runner
from upo_sdk.sweep.shared_evaluation import evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.config import RunConfig
    from upo_sdk.events import CancelToken
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.sweep.runner import SweepCallback

__all__ = ["SweepConfig", "check_counts", "check_points", "plan_sweep", "resume_sweep", "sweep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """The grid, what all of its points share, and how to run them.

    Attributes:
        base: What all points share; its objectives are used if ``objectives`` is empty, its output folder never.
        objectives: In text form, each with one value or several: ``toxicity:0,0.1,0.3``, ``dpo:beta=0.05,0.1``.
        settings: Other settings that vary, by dotted key: ``{"training.learning_rate": [1e-5, 2e-5]}``.
        seeds: Runs per point: with the seed of ``base`` and those that follow it. None is one, without averages.
        random: Draw so many points of the grid, by the seed of ``base``; a larger number keeps those of a smaller one.
        jobs: How many points run at the same time.
        pareto: Metrics to compare points by; by default the accuracy on held-out pairs and every auxiliary reward.
        evaluation: Settings of the evaluation of every point, by field of :class:`EvalConfig`.
        output_dir: The folder of the sweep.
        overwrite: Replace the sweep in this folder and start again.
        command: What was typed, to be written down.

    Raises:
        ConfigError: A number is out of range.
    """

    base: RunConfig
    objectives: Sequence[str] = ()
    settings: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, "Sequence[Any]"])
    seeds: int | None = None
    random: int | None = None
    jobs: int = 1
    pareto: Sequence[str] = ()
    evaluation: Mapping[str, Any] = field(default_factory=dict[str, Any])
    output_dir: Path = Path("upo-sweep")
    overwrite: bool = False
    command: str | None = None

    def __post_init__(self) -> None:
        check_counts(seeds=self.seeds, random=self.random, jobs=self.jobs)
        if self.base.resume_from_checkpoint:
            raise ConfigError(
                "a sweep resumes by itself, point by point",
                where="`resume_from_checkpoint`",
                fix="leave it out: the same sweep, started again, resumes",
            )


def check_counts(**counts: int | None) -> None:
    """Check that what is given is 1 or more.

    Raises:
        ConfigError: It is less.
    """
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}", where=f"`{name}`", fix=f"give 1 or more: `{name}=2`")


def plan_sweep(config: SweepConfig, registry: Registry | None = None) -> Grid:
    """Return the points of a sweep, with the names and options of their objectives checked; nothing is written.

    Raises:
        UPOError: The grid cannot be read, or an objective or one of its options is unknown.
    """
    registry = registry or load_registry(config.base.plugins).check()
    grid = make_grid(config, registry)
    for point in grid.points:
        for ref in build_config({"objectives": point.config.get("objectives", ())}).objectives:
            check_options(ref, registry)
    return grid


def check_points(config: SweepConfig, grid: Grid, registry: Registry) -> list[str]:
    """Check what can be checked without work, and return the warnings, each once, but for those about plugins.

    Points that differ in seed and objectives alone share everything that is checked here, so one of them is.

    Raises:
        UPOError: ``upo train --dry-run`` would refuse a point.
    """
    warnings = dict[str, None]()
    different = {json.dumps(_without_varied(point.config), sort_keys=True): point for point in reversed(grid.points)}
    for point in different.values():
        own = {"output_dir": str(config.output_dir / point.folder), "overwrite_output_dir": True}
        plan = plan_run(build_config(point.config, own), registry)
        found = [item.text for item in plan.sample.findings if item.level == "warning"]
        warnings |= dict.fromkeys([*plan.warnings, *found])
    return [text for text in warnings if text not in registry.warnings]  # the caller has shown those


def _without_varied(settings: Mapping[str, Any]) -> dict[str, Any]:
    training = {name: value for name, value in settings.get("training", {}).items() if name != "seed"}
    return {**settings, "objectives": None, "training": training}


@cache_in_use()
def sweep(
    config: SweepConfig, *, callbacks: Sequence[SweepCallback] = (), cancel: CancelToken | None = None
) -> SweepRecord:
    """Run every point of a grid that is not done yet, evaluate it, and return the sweep, which is also ``sweep.json``.

    Points share what is expensive and does not depend on them through the content-addressed cache: rewards, reference
    log-probs, and the answers of the model they all start from. In a folder that holds this sweep it resumes where it
    was, however it ended. A point that fails is recorded as failed, and the others continue.

    Args:
        config: The grid, what its points share, and where to write.
        callbacks: Receive the events of this sweep.
        cancel: Anything with ``is_set()``; once set, running points end with a checkpoint, and no other is started.

    Raises:
        UPOError: The grid, the configuration or the folder cannot be used; no point was started.
    """
    registry = load_registry(config.base.plugins).check()
    grid = plan_sweep(config, registry)
    folder = SweepFolder(config.output_dir)
    there = folder.check() and not config.overwrite
    points = continued(grid.points, folder.read().points, folder.path) if there else grid.points
    shared = evaluated(config, grid.points, registry)
    for text in shared.warnings:
        for callback in callbacks:
            callback.on_event(Notice("warning", text))
    state = SweepRecord(
        software=version("upo-sdk"),
        created=folder.read().created if there else now(),
        command=config.command,
        axes=grid.axes,
        evaluated=shared.labels,
        evaluation=shared.settings,
        pareto=tuple(config.pareto),
        points=points,
    )
    with folder.locked():
        if config.overwrite:
            folder.clear()
        return Runner(state, folder, config.jobs, tuple(callbacks), cancel).execute()


@cache_in_use()
def resume_sweep(
    path: Path,
    *,
    jobs: int = 1,
    pareto: Sequence[str] = (),
    callbacks: Sequence[SweepCallback] = (),
    cancel: CancelToken | None = None,
) -> SweepRecord:
    """Resume the sweep of a folder, with its own grid and settings.

    Args:
        path: The folder.
        jobs: How many points run at the same time.
        pareto: Metrics to compare points by; by default those it has.
        callbacks: Receive the events of this sweep.
        cancel: As of :func:`sweep`.

    Raises:
        OutputError: There is no such folder, or it holds no sweep.
    """
    check_counts(jobs=jobs)
    folder = SweepFolder(path)
    folder.read()
    with folder.locked():
        state = folder.read()
        state = state.model_copy(
            update={
                "points": continued(state.points, state.points, path),
                "pareto": tuple(pareto) or state.pareto,
                "finished": None,
            }
        )
        return Runner(state, folder, jobs, tuple(callbacks), cancel).execute()
