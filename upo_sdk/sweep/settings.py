"""What a sweep is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.config import RunConfig

__all__ = ["SweepConfig", "check_counts"]


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
