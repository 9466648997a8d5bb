"""What ``align`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from upo_sdk.events import ScoreStatistics

__all__ = ["AlignResult", "BeforeAfter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """Mean reward of one auxiliary objective on generations for the same prompts.

    Attributes:
        split: ``held-out``, or ``training`` where nothing is held out.
        interval: Bootstrap 95 % interval of the paired difference ``after - before``.
    """

    label: str
    before: float
    after: float
    interval: tuple[float, float]
    prompts: int
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignResult:
    """The outcome of a run.

    Attributes:
        status: ``cancelled`` runs can be resumed from ``checkpoint``.
        output_dir: The run folder, loadable with ``AutoModelForCausalLM.from_pretrained``.
        steps: Optimizer steps taken.
        metrics: The last value of every metric, evaluation included.
        statistics: Distribution of every auxiliary objective's rewards.
        before_after: Effect of the run on generations; empty unless ``eval_prompts`` is positive.
        checkpoint: The newest checkpoint, if there is one.
        explanation: What each objective did, in plain sentences.
        hub_url: Where the model was pushed to; None if it was not, or could not be.
    """

    status: Literal["completed", "cancelled"]
    output_dir: Path
    steps: int
    metrics: Mapping[str, float]
    statistics: tuple[ScoreStatistics, ...]
    before_after: tuple[BeforeAfter, ...]
    checkpoint: Path | None
    explanation: tuple[str, ...]
    hub_url: str | None = None
