"""What ``align`` returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from upo_sdk.statistics import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from upo_sdk.events import ScoreStatistics

__all__ = ["AlignResult", "BeforeAfter"]

Verdict = Literal["rose", "fell", "open", "too few"]

_HEADROOM = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """Mean reward of one auxiliary objective on generations for the same prompts.

    Attributes:
        split: ``held-out``, or ``training`` where nothing is held out.
        interval: 95 % interval of the paired difference ``after - before``, Student's t; None for a single prompt.
        highest: The highest reward that an answer got, before or after.
    """

    label: str
    before: float
    after: float
    interval: tuple[float, float] | None
    prompts: int
    split: str
    highest: float = math.inf

    @property
    def change(self) -> float:
        """``after - before``."""
        return self.after - self.before

    @property
    def verdict(self) -> Verdict:
        """What the interval allows to say, from :data:`~upo_sdk.statistics.ENOUGH` prompts on."""
        if self.interval is None or self.prompts < ENOUGH:
            return "too few"
        low, high = self.interval
        return "rose" if low > 0 else "fell" if high < 0 else "open"

    @property
    def at_ceiling(self) -> bool:
        """Whether the answers before had, on average, all but a hundredth of the highest reward that was seen."""
        return math.isfinite(self.highest) and self.highest - self.before <= _HEADROOM * max(1.0, abs(self.highest))


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
