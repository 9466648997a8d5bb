"""One metric before its interval: the same statistic of both models' answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from upo_sdk.records import Metric
from upo_sdk.statistics import Sums, difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from upo_sdk.evaluation.answers import Answers

__all__ = ["Better", "PairedStatistic", "metrics_of_both"]

Better = Literal["higher", "lower"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedStatistic:
    """A statistic of the model and, where it has one, of the baseline; units are prompts in the same order."""

    name: str
    model: Sums
    baseline: Sums | None = None
    better: Better = None
    unit: str = ""
    highest: float | None = None

    @classmethod
    def of_both(
        cls,
        model: Answers,
        baseline: Answers | None,
        name: str,
        measure: Callable[[Answers], Sums],
        *,
        better: Better = None,
        unit: str = "",
    ) -> PairedStatistic:
        """Measure the answers of both models in the same way."""
        other = None if baseline is None else measure(baseline)
        return cls(name=name, model=measure(model), baseline=other, better=better, unit=unit)


def metrics_of_both(measurements: Iterable[PairedStatistic]) -> dict[str, Metric]:
    """Return every measurement that has a value, with its intervals, by name."""
    return {item.name: _metric(item) for item in measurements if item.model.exists}


def _metric(item: PairedStatistic) -> Metric:
    baseline = item.baseline if item.baseline is not None and item.baseline.exists else None
    return Metric(
        value=item.model.estimate,
        baseline=baseline.estimate if baseline else None,
        difference=difference(item.model, baseline) if baseline else None,
        better=item.better,
        unit=item.unit,
        highest=item.highest,
    )
