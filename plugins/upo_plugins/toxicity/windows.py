"""Texts as overlapping windows of tokens, so that nothing of a long text goes unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["Window", "batches", "token_limit", "windows"]

_POSITIONS_START_AFTER_PADDING = {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta"}


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a text: the index of the text, and the model's inputs by name, one integer per token."""

    text: int
    inputs: dict[str, list[int]]

    def __len__(self) -> int:
        return len(self.inputs["input_ids"])


def windows(tokenizer: Any, texts: Sequence[str], limit: int) -> list[Window]:
    """Return the windows of all texts, each at most ``limit`` tokens, a quarter of which it shares with the next."""
    encoded = tokenizer(
        list(texts), truncation=True, max_length=limit, stride=limit // 4, return_overflowing_tokens=True
    )
    owners = encoded["overflow_to_sample_mapping"]
    names = [name for name in tokenizer.model_input_names if name in encoded]
    found = (Window(owner, {name: encoded[name][row] for name in names}) for row, owner in enumerate(owners))
    return [window for window in found if len(window)]


def batches(found: list[Window], size: int, padding: int) -> Iterator[tuple[list[Window], dict[str, Tensor]]]:
    """Yield batches of windows of about equal length with their padded inputs, each of shape [windows, tokens]."""
    by_length = sorted(found, key=len)
    for start in range(0, len(by_length), size):
        batch = by_length[start : start + size]
        yield (
            batch,
            {
                name: pad_sequence(
                    [torch.tensor(window.inputs[name]) for window in batch],
                    batch_first=True,
                    padding_value=padding if name == "input_ids" else 0,
                )
                for name in batch[0].inputs
            },
        )


def token_limit(config: Any, tokenizer: Any, wanted: int) -> int:
    """Return how many tokens a window may have: as many as wanted, as the tokenizer and as the model allow."""
    positions: int = getattr(config, "max_position_embeddings", None) or wanted
    if config.model_type in _POSITIONS_START_AFTER_PADDING:
        positions -= config.pad_token_id + 1
    return min(wanted, positions, int(tokenizer.model_max_length))
