"""The configuration of ``upo score``: which corpus, which objectives, where the labelled rows go."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from upo_sdk.config.base import Section
from upo_sdk.config.objective_ref import ObjectiveRef, check_labels
from upo_sdk.config.sections import DataConfig, PluginPolicy
from upo_sdk.errors import ConfigError

__all__ = ["UNUSED_DATA_SETTINGS", "ScoreConfig", "Shard"]

UNUSED_DATA_SETTINGS = ("eval_path", "eval_split", "eval_fraction", "max_length", "max_prompt_length", "mixture_seed")
"""Settings of the data that are about training: nothing is held out or shortened here."""

_SHARD = re.compile(r"(\d+)/(\d+)")


class Shard(NamedTuple):
    """One of several parts of a corpus; the first has number 1."""

    number: int
    shards: int

    @classmethod
    def parse(cls, text: str | None) -> Shard:
        """Read ``NUMBER/COUNT``; None is all in one part.

        Raises:
            ConfigError: It does not have the form, or there is no such part.
        """
        found = _SHARD.fullmatch(text or "1/1")
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.shards:
            raise ConfigError(
                f"'{text}' is not a shard: the number must be between 1 and the count",
                where="`shard`",
                fix="write NUMBER/COUNT, for example 1/8 for the first of eight",
            )
        return shard

    def rows(self, total: int) -> range:
        """Return the positions of its rows; the parts in order are all rows in order, and differ by at most one."""
        return range(total * (self.number - 1) // self.shards, total * self.number // self.shards)


class ScoreConfig(Section):
    """Settings of scoring a corpus. ``data="FILE"`` and ``objectives=["toxicity"]`` may be in their short forms."""

    data: DataConfig = Field(description="The corpus: pairs, or single completions with or without a label.")
    objectives: tuple[ObjectiveRef, ...] = Field(
        default=(), description="Auxiliary objectives that score every completion; weights do not matter."
    )
    output: Path = Field(description="Where the rows are written with their rewards: a .jsonl or .parquet file.")
    overwrite_output: bool = Field(default=False, description="Replace the output file if it exists.")
    shard: str | None = Field(
        default=None, description="Score only one part of the rows, for example 3/8: the third of eight."
    )
    keep: tuple[str, ...] = Field(
        default=(), description="Write only rows for which this holds, for example toxicity>0.9."
    )
    best_of: str | None = Field(
        default=None,
        description="Of the rows with the same prompt, write the one with the highest reward of this label.",
    )
    engine: Literal["local", "ray"] = Field(
        default="local", description="Where completions are scored: on this machine, or on a Ray cluster."
    )
    workers: int | None = Field(
        default=None, ge=1, description="Processes that score at the same time; default: one per core."
    )
    plugins: PluginPolicy = Field(default_factory=PluginPolicy)

    @model_validator(mode="after")
    def _check(self) -> ScoreConfig:
        check_labels([ref.label for ref in self.objectives])
        Shard.parse(self.shard)
        if unused := sorted(self.data.model_fields_set.intersection(UNUSED_DATA_SETTINGS)):
            raise ConfigError(
                f"`data.{unused[0]}` has no effect here: rows are neither held out nor shortened",
                where="`data`",
                fix="leave it out",
            )
        if self.best_of and self.shard:
            raise ConfigError(
                "the best row of a prompt cannot be found in one shard: others may have rows with the same prompt",
                where="`best_of`",
                fix="score the shards without it, join the files, and give the joined file with `best_of`: rewards "
                "that are in the data are not computed again",
            )
        return self
