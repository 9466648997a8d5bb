"""Which rows are written: those that meet every condition, and of those the best one of each prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from upo_sdk.condition import parse_condition
from upo_sdk.corpus.summary import DroppedRows
from upo_sdk.data.columns import read_rows_of, sha256_array
from upo_sdk.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from datasets import Dataset

    from upo_sdk.arrays import BoolArray, FloatArray
    from upo_sdk.condition import Condition
    from upo_sdk.config import ScoreConfig
    from upo_sdk.data.shapes import Kind

__all__ = ["RowReward", "Selection"]

Part = Literal["chosen", "rejected", "difference"]

_FORM = "write LABEL>NUMBER, with >, <, >= or <=, for example toxicity>0.9"


@dataclass(frozen=True, slots=True)
class RowReward:
    """One reward of a row: that of its completion; of a pair the chosen or rejected one, or chosen minus rejected."""

    label: str
    part: Part

    @classmethod
    def parse(cls, name: str, labels: Collection[str], kind: Kind, setting: str) -> RowReward:
        """Read ``LABEL``, and for pairs ``LABEL.chosen`` (the same), ``LABEL.rejected`` or ``LABEL.difference``.

        Raises:
            ConfigError: There is no such label.
        """
        if name in labels:
            return cls(name, "chosen")
        for part in get_args(Part):
            if kind == "pairs" and name.endswith(f".{part}") and name.removesuffix(f".{part}") in labels:
                return cls(name.removesuffix(f".{part}"), part)
        parts = "; behind a label may stand .chosen, .rejected or .difference" if kind == "pairs" else ""
        raise ConfigError(
            f"no objective here has the label '{name}'",
            where=f"`{setting}`",
            fix=f"{did_you_mean(name, list(labels))}labels: {', '.join(labels)}{parts}",
        )

    def of(self, rewards: Mapping[str, FloatArray]) -> FloatArray:
        """Return it for every row.

        Args:
            rewards: By label, one row per row of the corpus and one column per response.
        """
        values_RK = rewards[self.label]
        if self.part == "difference":
            return values_RK[:, 0] - values_RK[:, 1]
        return values_RK[:, 1 if self.part == "rejected" else 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The conditions of ``keep`` and the label of ``best_of``, checked."""

    conditions: tuple[tuple[Condition, RowReward], ...]
    best_of: RowReward | None

    @classmethod
    def of(cls, config: ScoreConfig, labels: Collection[str], kind: Kind) -> Selection:
        """Read both settings.

        Raises:
            ConfigError: A condition cannot be read, or a label does not exist.
        """
        conditions = [parse_condition(text, "keep", _FORM) for text in config.keep]
        best_of = config.best_of and RowReward.parse(config.best_of, labels, kind, "best_of")
        return cls(
            conditions=tuple((item, RowReward.parse(item.name, labels, kind, "keep")) for item in conditions),
            best_of=best_of or None,
        )

    def choose(self, rows: Dataset, rewards: Mapping[str, FloatArray]) -> tuple[BoolArray, DroppedRows]:
        """Return which rows are written, and how many are not."""
        kept_R = np.ones(len(rows), dtype=bool)
        for condition, reward in self.conditions:
            kept_R &= condition.holds(reward.of(rewards))
        conditional = int(kept_R.sum())
        if self.best_of:
            kept_R = _best(_prompts(rows), self.best_of.of(rewards), kept_R)
        written = int(kept_R.sum())
        return kept_R, DroppedRows(keep=len(rows) - conditional, best_of=conditional - written)


def _prompts(rows: Dataset) -> np.ndarray:
    """Return a number per row, equal where the prompts are."""
    column = "prompt_messages" if "prompt_messages" in rows.column_names else "prompt"
    return sha256_array((row[column].encode() for row in read_rows_of(rows, column)), len(rows))


def _best(prompt_R: np.ndarray, reward_R: FloatArray, among_R: BoolArray) -> BoolArray:
    """Return the row with the highest reward of each prompt, the first of those that are equal."""
    places = np.flatnonzero(among_R)
    order = places[np.lexsort((places, -reward_R[places]))]
    _, first = np.unique(prompt_R[order], return_index=True)
    best_R = np.zeros(len(reward_R), dtype=bool)
    best_R[order[first]] = True
    return best_R
