"""Which rows share a batch, and in which order an epoch visits the batches: fixed by the data and the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from upo_sdk.data import cut_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from upo_sdk.config import TrainingConfig
    from upo_sdk.training.rows import PreparedRows
    from upo_sdk.training.tokenized_rows import TokenizedRows

__all__ = ["EpochBatches", "compose_batches", "epoch_batches", "row_tokens", "uneven_rows"]


def epoch_batches(
    rows: PreparedRows, config: TrainingConfig, *, layout: str, ranks: int, warn: Callable[[str], None]
) -> EpochBatches | None:
    """Return the batches of a run; None leaves a fixed number of random rows to the trainer.

    Args:
        rows: The training rows.
        config: What :func:`compose_batches` reads.
        layout: The layout's name.
        ranks: The number of processes.
        warn: PointMessage of rows that are longer than the budget.
    """
    budget, strategy = config.tokens_per_batch, config.train_sampling_strategy
    if budget is None and strategy == "random":
        drops = bool(config.arguments.get("dataloader_drop_last"))
        if text := uneven_rows(len(rows), config.per_device_train_batch_size, ranks, drops=drops):
            warn(text)
        return None
    tokens_R = row_tokens(rows.branches, layout)
    if budget is not None and (longer := sum(tokens > budget for tokens in tokens_R)):
        warn(
            f"{longer:,} of {len(tokens_R):,} rows have more tokens than `training.tokens_per_batch={budget}`, up to "
            f"{max(tokens_R):,}: each of them is a batch alone"
        )
    batches = compose_batches(tokens_R, config, padded=not _is_packed(layout), ranks=ranks)
    if text := uneven_rows(len(batches), 1, ranks):  # else there are as many batches for every process
        warn(text)
    return EpochBatches(batches, seed=None if strategy == "sequential" else config.seed)


def uneven_rows(rows: int, per_device: int, ranks: int, *, drops: bool = False) -> str | None:
    """Return which rows an epoch repeats or leaves out, in words; None if it visits each once.

    accelerate gives every process as many batches of one size, and fills the last ones with the first rows again. One
    process by itself has a smaller last batch instead.

    Args:
        rows: In all.
        per_device: Rows of a batch of one process.
        ranks: The number of processes.
        drops: Whether an incomplete batch is left out (``dataloader_drop_last``).
    """
    together = per_device * ranks
    over = rows % together
    if not over or (ranks == 1 and not drops):
        return None
    size = f"{rows:,} rows do not divide into batches of {together:,} ({ranks:,} x {per_device:,})"
    if drops:
        return f"{size}: every epoch leaves out the last {over:,} rows of its order"
    return f"{size}: every epoch repeats {together - over:,} rows, the first of its order"


def row_tokens(rows: TokenizedRows, layout: str) -> list[int]:
    """Return how many tokens each row feeds to the model: the prompt once where the layout shares it.

    Where it does not, every response has the prompt before it, and all are as long as the longest unless packed. The
    last token of a response predicts nothing and is not fed.
    """
    first_R = np.cumsum(rows.response_counts_R) - rows.response_counts_R
    fed_N = rows.response_lengths_N - 1
    if layout.startswith("prefix"):
        tokens_R = rows.prompt_lengths_R + np.add.reduceat(fed_N, first_R)
    else:
        sequence_N = fed_N + np.repeat(rows.prompt_lengths_R, rows.response_counts_R)
        tokens_R = (
            np.add.reduceat(sequence_N, first_R)
            if _is_packed(layout)
            else rows.response_counts_R * np.maximum.reduceat(sequence_N, first_R)
        )
    return cast("list[int]", tokens_R.tolist())


def compose_batches(tokens_R: Sequence[int], config: TrainingConfig, *, padded: bool, ranks: int) -> list[list[int]]:
    """Divide all rows into batches: each row once, and as many batches on every rank.

    The batch of the longest row comes first, unless the order is that of the data.

    Args:
        tokens_R: From :func:`row_tokens`.
        config: Its seed, ``tokens_per_batch``, ``per_device_train_batch_size`` and ``train_sampling_strategy`` decide.
        padded: Whether the layout pads every row to the longest of its batch.
        ranks: The number of processes.
    """
    rows, budget = len(tokens_R), config.tokens_per_batch
    per_batch = max(1, budget * rows // sum(tokens_R)) if budget else config.per_device_train_batch_size
    order = _order(list(tokens_R), per_batch, config)
    if budget:
        batches = cut_batches(order, tokens_R, budget, padded=padded)
    else:
        batches = [order[start : start + per_batch] for start in range(0, rows, per_batch)]
    batches = _divide_evenly(batches, ranks)
    if config.train_sampling_strategy != "sequential":
        batches.sort(key=lambda batch: max(tokens_R[row] for row in batch) < max(tokens_R))
    return batches


class EpochBatches(Sampler[list[int]]):
    """A batch sampler that visits the same batches in every epoch, in an order that the seed and the epoch decide.

    The number of batches is the same in every epoch, which the trainer relies on for its steps and its schedule. The
    first epoch begins with the first batch, so that a lack of memory shows at once.

    Args:
        batches: From :func:`compose_batches`.
        seed: Of the order; None keeps the order of ``batches``.
    """

    def __init__(self, batches: Sequence[list[int]], *, seed: int | None) -> None:
        self._batches, self._seed, self._epoch = batches, seed, 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(range(len(self._batches)))
        if self._seed is not None:
            generator = torch.Generator().manual_seed(self._seed + self._epoch)
            order = torch.randperm(len(order), generator=generator).tolist()
            if self._epoch == 0:
                order.sort(key=bool)  # 0 to the front
        return (self._batches[index] for index in order)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch."""
        self._epoch = epoch


def _is_packed(layout: str) -> bool:
    return layout.endswith("packed")


def _order(tokens_R: list[int], per_batch: int, config: TrainingConfig) -> list[int]:
    generator = torch.Generator().manual_seed(config.seed)
    match config.train_sampling_strategy:
        case "random":
            order: list[int] = torch.randperm(len(tokens_R), generator=generator).tolist()
        case "group_by_length":
            group: Any = get_length_grouped_indices  # transformers does not type it
            order = group(tokens_R, per_batch, generator=generator)
        case "sequential":
            order = list(range(len(tokens_R)))
    return order


def _divide_evenly(batches: list[list[int]], ranks: int) -> list[list[int]]:
    """Halve batches of most rows until every rank gets as many; accelerate would repeat rows to fill up."""
    batches = list(batches)
    while len(batches) % ranks:
        largest = max(range(len(batches)), key=lambda index: len(batches[index]))
        rows = batches[largest]
        if len(rows) == 1:
            break
        middle = len(rows) // 2
        batches[largest : largest + 1] = [rows[:middle], rows[middle:]]
    return batches
