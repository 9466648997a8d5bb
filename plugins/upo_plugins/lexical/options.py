"""Options of the ``lexical`` objective."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from upo_sdk.objectives import Options

__all__ = ["LexicalOptions", "MetricName"]

MetricName = Literal["readability", "grade_band", "diversity", "formality", "hedging", "rare_words"]

_ONLY_FOR: dict[str, MetricName] = {"min_grade": "grade_band", "max_grade": "grade_band", "window": "diversity"}


class LexicalOptions(Options):
    """Options of the ``lexical`` objective."""

    metric: MetricName = Field(default="readability", description="What to measure; the default is the UPO paper's R1.")
    reverse: bool = Field(default=False, description="Reward the opposite of the metric: 1 − r.")
    shrink_words: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="k of r' = .5 + (r − .5)·n/(n + k) for a response of n words; 0 turns it off. "
        "Unset: 0 for readability, which stays the paper's formula, and 10 for every other metric.",
    )
    min_grade: float = Field(
        default=6.0, ge=0, le=18, description="grade_band: lowest US school grade with full reward."
    )
    max_grade: float = Field(
        default=9.0, ge=0, le=18, description="grade_band: highest US school grade with full reward."
    )
    window: int = Field(default=25, ge=2, description="diversity: words in the moving window.")

    @model_validator(mode="after")
    def _check_band(self) -> Self:
        if self.min_grade > self.max_grade:
            raise ValueError(f"min_grade={self.min_grade:g} is above max_grade={self.max_grade:g}: swap them")
        return self

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        for name, metric in _ONLY_FOR.items():
            if self.metric != metric and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} has no meaning for metric={self.metric}: add metric={metric} or drop {name}")
        return self

    @property
    def shrinkage(self) -> float:
        """The number of words k of the shrinkage that applies to the chosen metric."""
        if self.shrink_words is not None:
            return self.shrink_words
        return 0.0 if self.metric == "readability" else 10.0
