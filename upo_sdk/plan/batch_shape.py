"""How many positions the batches of a run have, by the lengths of a sample of its rows and by the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from upo_sdk.data.lengths import cut_batches
from upo_sdk.policy.layouts.packing import pack
from upo_sdk.policy.reference_plan import plan_batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import RunConfig

__all__ = ["BatchShape", "RowLengths", "batch_shape", "largest_batch", "reference_batch"]

_MOST_DRAWN = 1000
_DRAWN_FOR_ONE = 4
"""A run whose batches are larger than those drawn should be rare."""
_MOST_SHARED = 0.95
"""See ``policy.layouts.choose``: above it, sharing prompts saves too little."""


class RowLengths(NamedTuple):
    """The tokens of a row's prompt and of each of its responses."""

    prompt: int
    responses: Sequence[int]

    @property
    def shared(self) -> int:
        """Positions if the prompt is there once; the last token of a response predicts nothing."""
        return self.prompt + sum(self.responses) - len(self.responses)

    @property
    def sequences(self) -> list[int]:
        """Positions of each response if it has its own prompt."""
        return [self.prompt + response - 1 for response in self.responses]

    @property
    def longest(self) -> int:
        """Positions of the longest sequence."""
        return max(self.sequences)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShape:
    """What a batch needs memory for.

    Attributes:
        positions: Go through the model, padding included.
        read: Of those, what the last layer computes whole.
        predicted: Tokens of responses.
        mask: Entries of the attention mask; 0 where none is needed.
        masks: Whether every layer makes a mask in fp32 from one of truth values, as SDPA does where rows are padded.
        logits: Positions whose logits are made whole by the model's own head, of padded rows all behind the shortest
            prompt; 0 where that is done in tiles.
    """

    positions: int
    read: int
    predicted: int
    mask: int = 0
    masks: bool = False
    logits: int = 0


def layout_name(asked: str, rows: Sequence[RowLengths]) -> str:
    """Return the layout that ``auto`` tries first."""
    if asked != "auto":
        return asked
    shares = sum(row.shared for row in rows) < _MOST_SHARED * sum(sum(row.sequences) for row in rows)
    return "prefix-packed" if shares else "packed"


def batch_shape(rows: Sequence[RowLengths], layout: str, *, segments: bool) -> BatchShape:
    """Return the shape of a batch of these rows in a layout.

    Packed rows are one row without padding or mask where attention goes by segments. Elsewhere, and with prompts shared
    but rows not packed, a row is as long as the longest, behind a mask for all layers.
    """
    shared, predicted = layout.startswith("prefix"), sum(sum(row.responses) for row in rows)
    lengths = [row.shared for row in rows] if shared else [length for row in rows for length in row.sequences]
    total, longest = sum(lengths), max(lengths)
    if layout == "single":
        return BatchShape(positions=total, read=total, predicted=predicted, logits=predicted)
    if layout.endswith("packed") and segments:
        return BatchShape(positions=total, read=min(total, predicted + len(rows)), predicted=predicted)
    if layout in {"packed", "prefix-packed", "prefix-shared"}:
        grid = len(rows) if layout == "prefix-shared" else len(pack(lengths))
        return BatchShape(
            positions=grid * longest, read=grid * longest, predicted=predicted, mask=grid * longest * longest
        )
    responses, longest = sum(len(row.responses) for row in rows), max(row.longest for row in rows)
    return BatchShape(
        positions=responses * longest,
        read=responses * longest,
        predicted=predicted,
        mask=responses * longest * longest,
        masks=True,
        logits=responses * (longest - min(row.prompt for row in rows) + 1) if layout == "padded" else 0,
    )


def largest_batch(rows: Sequence[RowLengths], config: RunConfig, layout: str, batches: int) -> list[RowLengths]:
    """Return the largest of four times as many batches as the run has, drawn from the sample as the run draws its own.

    Rows grouped by length, or within a budget of tokens, are drawn as the longest; so is a batch of more rows than the
    sample has, from its rows repeated.
    """
    training = config.training
    padded = not layout.endswith("packed")
    tokens = [row.longest * len(row.responses) if padded else row.shared for row in rows]
    if training.tokens_per_batch:
        order = sorted(range(len(rows)), key=lambda index: -tokens[index])
        return [rows[index] for index in cut_batches(order, tokens, training.tokens_per_batch, padded=padded)[0]]
    size = training.per_device_train_batch_size
    if training.train_sampling_strategy == "group_by_length" or size >= len(rows):
        return sorted(rows, key=lambda row: -row.shared)[:size]
    random, tokens_R = np.random.default_rng(training.seed), np.array(tokens)
    drawn = [random.choice(len(rows), size, replace=False) for _ in range(min(_DRAWN_FOR_ONE * batches, _MOST_DRAWN))]
    largest = max(drawn, key=lambda chosen: size * tokens_R[chosen].max() if padded else tokens_R[chosen].sum())
    return [rows[index] for index in largest]


def reference_batch(rows: Sequence[RowLengths], config: RunConfig, max_length: int) -> list[RowLengths]:
    """Return the first batch of the reference pass over the sample: that of the longest rows."""
    counts = [len(row.responses) for row in rows]
    row_M = np.repeat(np.arange(len(rows)), counts)
    response_M = np.array([length for row in rows for length in row.responses])
    batch = next(
        plan_batches(
            row_M,
            np.array([row.prompt for row in rows])[row_M],
            response_M,
            tokens_per_batch=2 * config.training.per_device_eval_batch_size * max_length,
            tokens_per_row=2 * max_length,
        )
    )
    return [RowLengths(rows[int(row_M[group[0]])].prompt, response_M[group].tolist()) for group in batch]
