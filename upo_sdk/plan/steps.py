"""How many rows a step reads, how many steps there are, and which rows they can reach."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from upo_sdk.config import RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plan.row_sample import RowSample

__all__ = ["count_steps", "ranks", "reachable_rows", "rows_per_batch", "steps_are_estimated"]


def ranks() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rows_per_batch(config: RunConfig, sample: RowSample, notices: list[str]) -> float:
    """Return the rows of a batch on one device; with a token budget, its mean over the sample."""
    budget = config.training.tokens_per_batch
    if budget is None:
        return config.training.per_device_train_batch_size
    rows = sample.rows_per_batch(budget)
    notices.append(
        f"`training.tokens_per_batch` is {budget:,}: about {rows:.1f} rows per batch, estimated from "
        f"{len(sample.tokens_R):,} rows; so the number of steps is an estimate unless `training.max_steps` is given"
    )
    return rows


def count_steps(config: RunConfig, rows: int, batch_rows: float) -> int:
    """Return the optimizer steps of a run on so many rows."""
    training = config.training
    if training.max_steps > 0:
        return training.max_steps
    batches = math.ceil(rows / (batch_rows * ranks()))
    return math.ceil(math.ceil(batches / training.gradient_accumulation_steps) * training.num_train_epochs)


def steps_are_estimated(config: RunConfig) -> bool:
    """Whether the number of steps follows from a mean number of rows."""
    return config.training.max_steps < 1 and config.training.tokens_per_batch is not None


def reachable_rows(config: RunConfig, data: PreferenceData, batch_rows: float, notices: list[str]) -> PreferenceData:
    """Draw the rows that ``max_steps`` can reach, so that no other row is scored or given reference log-probs."""
    training, rows = config.training, len(data.train)
    needed = math.ceil(training.max_steps * batch_rows * training.gradient_accumulation_steps * ranks())
    if training.max_steps < 1 or needed >= rows:
        return data
    notices.append(f"`training.max_steps` is {training.max_steps}: {needed:,} of {rows:,} rows are drawn and prepared")
    drawn = np.random.default_rng(training.seed).permutation(rows)[:needed]
    return replace(data, train=data.train.select(np.sort(drawn)))
