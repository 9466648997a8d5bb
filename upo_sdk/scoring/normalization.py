"""Rewards on a common scale, with statistics of the training data that are kept with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from upo_sdk.arrays import FloatArray


__all__ = ["NORMALIZATION_FILE", "Normalizer", "Rank", "ZScore", "fit_normalizer", "read_normalizers", "to_json"]

NORMALIZATION_FILE = "normalization.json"


class ZScore(BaseModel):
    """``(r − mean) / std``; ``std`` is that of the population, and 1 where all rewards were equal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["zscore"] = "zscore"
    mean: float
    std: float = Field(gt=0)

    @classmethod
    def fit(cls, rewards: FloatArray, weight_N: FloatArray | None = None) -> ZScore:
        """Take mean and deviation of the training completions; one of weight 2 counts as two of them."""
        counted, weights = _counted(rewards, weight_N)
        mean = float(np.average(counted, weights=weights))
        constant = np.ptp(counted) < 1e-9  # noqa: PLR2004 - float noise
        variance = float(np.average((counted - mean) ** 2, weights=weights))
        return cls(mean=mean, std=1.0 if constant else variance**0.5)

    def __call__(self, rewards: FloatArray) -> FloatArray:
        """Return the normalised rewards."""
        return (rewards - self.mean) / self.std

    def summary(self) -> dict[str, object]:
        """Return its description for the record of a run."""
        return self.model_dump()


class Rank(BaseModel):
    """The share of training completions with a lower reward, equal ones counted half: between 0 and 1, mean ½.

    Attributes:
        values: The distinct rewards, ascending.
        counts: How many training completions have each, one of weight 2 counted as two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["rank"] = "rank"
    values: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def fit(cls, rewards: FloatArray, weight_N: FloatArray | None = None) -> Rank:
        """Count the distinct rewards of the training completions."""
        counted, weights = _counted(rewards, weight_N)
        values, place_N = np.unique(counted, return_inverse=True)
        return cls(values=tuple(values.tolist()), counts=tuple(np.bincount(place_N, weights=weights).tolist()))

    def __call__(self, rewards: FloatArray) -> FloatArray:
        """Return the normalised rewards."""
        values, upto = np.array(self.values), np.concatenate([[0.0], np.cumsum(self.counts)])
        below, not_above = (upto[np.searchsorted(values, rewards, side)] for side in ("left", "right"))
        shares: FloatArray = (below + not_above) / (2 * upto[-1])
        return shares

    def summary(self) -> dict[str, object]:
        """Return its description for the record of a run."""
        return {"method": self.method, "completions": sum(self.counts), "distinct": len(self.values)}


Normalizer = Annotated[ZScore | Rank, Field(discriminator="method")]

_FILE = TypeAdapter(dict[str, Normalizer])


def fit_normalizer(
    method: Literal["zscore", "rank"], rewards: FloatArray, weight_N: FloatArray | None = None
) -> ZScore | Rank:
    """Return the normalisation that the rewards of the training completions define.

    Args:
        method: Which of the two.
        rewards: Of every training completion.
        weight_N: How much each completion counts; not all 0. By default all weigh the same.
    """
    return (ZScore if method == "zscore" else Rank).fit(rewards, weight_N)


def _counted(rewards: FloatArray, weight_N: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return the rewards that count at all, and how much."""
    if weight_N is None:
        return rewards, np.ones_like(rewards)
    return rewards[weight_N > 0], weight_N[weight_N > 0]


def to_json(normalizers: Mapping[str, ZScore | Rank]) -> str:
    """Return the text of :data:`NORMALIZATION_FILE`, by label; floats survive exactly."""
    return _FILE.dump_json(dict(normalizers)).decode() + "\n"


def read_normalizers(folder: Path) -> dict[str, ZScore | Rank]:
    """Return the normalisations that a run folder carries, by label; none if it has no such file."""
    file = folder / NORMALIZATION_FILE
    return _FILE.validate_json(file.read_bytes()) if file.is_file() else {}
