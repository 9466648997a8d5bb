"""Rewards on a common scale, with statistics of the training data that are kept with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from upo_sdk.scoring.score import FloatArray

__all__ = ["NORMALIZATION_FILE", "Normalizer", "Rank", "ZScore", "fit_normalizer", "read_normalizers", "to_json"]

NORMALIZATION_FILE = "normalization.json"


class ZScore(BaseModel):
    """``(r − mean) / std``; ``std`` is that of the population, and 1 where all rewards were equal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["zscore"] = "zscore"
    mean: float
    std: float = Field(gt=0)

    @classmethod
    def fit(cls, rewards: FloatArray) -> ZScore:
        """Take mean and deviation of the training completions."""
        constant = np.ptp(rewards) < 1e-9  # noqa: PLR2004 - float noise
        return cls(mean=float(rewards.mean()), std=1.0 if constant else float(rewards.std()))

    def __call__(self, rewards: FloatArray) -> FloatArray:
        """Return the normalised rewards."""
        return (rewards - self.mean) / self.std

    def summary(self) -> dict[str, object]:
        """Return what the manifest of a run says of it."""
        return self.model_dump()


class Rank(BaseModel):
    """The share of training completions with a lower reward, equal ones counted half: between 0 and 1, mean ½.

    Attributes:
        values: The distinct rewards, ascending.
        counts: How many training completions have each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["rank"] = "rank"
    values: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def fit(cls, rewards: FloatArray) -> Rank:
        """Count the distinct rewards of the training completions."""
        values, counts = np.unique(rewards, return_counts=True)
        return cls(values=tuple(values.tolist()), counts=tuple(counts.tolist()))

    def __call__(self, rewards: FloatArray) -> FloatArray:
        """Return the normalised rewards."""
        values, upto = np.array(self.values), np.concatenate([[0], np.cumsum(self.counts)])
        below, not_above = (upto[np.searchsorted(values, rewards, side)] for side in ("left", "right"))
        shares: FloatArray = (below + not_above) / (2 * upto[-1])
        return shares

    def summary(self) -> dict[str, object]:
        """Return what the manifest of a run says of it."""
        return {"method": self.method, "completions": sum(self.counts), "distinct": len(self.values)}


Normalizer = Annotated[ZScore | Rank, Field(discriminator="method")]

_FILE = TypeAdapter(dict[str, Normalizer])


def fit_normalizer(method: Literal["zscore", "rank"], rewards: FloatArray) -> ZScore | Rank:
    """Return the normalisation that the rewards of the training completions define."""
    return ZScore.fit(rewards) if method == "zscore" else Rank.fit(rewards)


def to_json(normalizers: Mapping[str, ZScore | Rank]) -> str:
    """Return the text of :data:`NORMALIZATION_FILE`, by label; floats survive exactly."""
    return _FILE.dump_json(dict(normalizers)).decode() + "\n"


def read_normalizers(folder: Path) -> dict[str, ZScore | Rank]:
    """Return the normalisations that a run folder carries, by label; none if it has no such file."""
    file = folder / NORMALIZATION_FILE
    return _FILE.validate_json(file.read_bytes()) if file.is_file() else {}
