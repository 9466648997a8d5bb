"""Whether a run fits into the memory that is free, and which single change would help most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import torch

from upo_sdk.data.truncation import Limits
from upo_sdk.plan.batch_shape import RowLengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from upo_sdk.config import RunConfig
    from upo_sdk.plan.memory import MemoryEstimate

__all__ = ["free_memory", "too_large"]


_SHORTEST = 4
"""Lengths that can be halved."""


def free_memory(config: RunConfig) -> int:
    """Return the free bytes of this process's device; without an accelerator, those that the system can give."""
    if torch.cuda.is_available() and not config.training.arguments.get("use_cpu"):
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def too_large(
    estimate: Callable[[RunConfig, Sequence[RowLengths]], MemoryEstimate],
    config: RunConfig,
    rows: Sequence[RowLengths],
    free: int,
) -> str | None:
    """Return a warning if a run needs more than is free, with the change after which it needs the least.

    Args:
        estimate: Of a configuration and the lengths of its rows.
        config: Of the run.
        rows: The lengths of some rows.
        free: Bytes.
    """
    needed = estimate(config, rows).total
    if needed <= free:
        return None
    tried = [(estimate(changed, shorter).total, text) for text, changed, shorter in _changes(config, rows)]
    least, text = min(tried)
    still = "" if least <= free else ", which is still too much"
    help_ = f"{text} helps most: about {_gib(least)} then{still}" if least < needed else "use a smaller model"
    return f"the run needs about {_gib(needed)} of memory, and {_gib(free)} are free; {help_}"


def _changes(config: RunConfig, rows: Sequence[RowLengths]) -> Iterator[tuple[str, RunConfig, Sequence[RowLengths]]]:
    """Yield changes in words, as a configuration and as lengths of rows."""
    training = config.training

    def with_(**changes: object) -> RunConfig:
        return config.model_copy(update={"training": training.model_copy(update=changes)})

    if not training.gradient_checkpointing:
        yield "`training.gradient_checkpointing=true`", with_(gradient_checkpointing=True), rows
    if not training.bf16:
        yield "`training.bf16=true`", with_(bf16=True), rows
    if training.tokens_per_batch is None and training.per_device_train_batch_size > 1:
        size, steps = training.per_device_train_batch_size, training.gradient_accumulation_steps
        smaller = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": size * steps}
        text = " with ".join(f"`training.{name}={value}`" for name, value in smaller.items())
        yield text, with_(**smaller), rows
    if config.data is None or config.data.max_length < _SHORTEST:
        return
    half = config.data.max_length // 2
    shorter = config.model_copy(update={"data": config.data.model_copy(update={"max_length": half})})
    limits = Limits(max_length=half, max_prompt_length=None)
    yield f"`data.max_length={half}`", shorter, [_cut(row, limits) for row in rows]


def _cut(row: RowLengths, limits: Limits) -> RowLengths:
    prompt = min(row.prompt, limits.room(max(row.responses)))
    return RowLengths(prompt, [min(length, limits.max_length - prompt) for length in row.responses])


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
