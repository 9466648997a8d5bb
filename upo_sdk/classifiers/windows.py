"""Texts as overlapping windows of tokens, so that nothing of a long text goes unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence

from upo_sdk.classifiers.positions import forget_lengths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

__all__ = ["Window", "token_limit", "window_logits", "windows"]

_POSITIONS_START_AFTER_PADDING = {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta"}


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a text: the index of the text, and the model's inputs by name, one integer per token."""

    text: int
    inputs: dict[str, list[int]]

    def __len__(self) -> int:
        return len(self.inputs["input_ids"])


def windows(tokenizer: Any, texts: Sequence[str], limit: int, *, before: Sequence[str] | None = None) -> list[Window]:
    """Return the windows of all texts, each at most ``limit`` tokens, a quarter of which it shares with the next.

    Args:
        tokenizer: Backed by the tokenizers library.
        texts: What to cut into windows; one without tokens has no window.
        limit: Tokens per window, special tokens included.
        before: A first segment for every text, such as its prompt. It stands whole in each window of the text, but for
            its beginning if it is longer than half a window.
    """
    if not texts:
        return []
    first = [_ending(tokenizer, text, limit // 2) for text in before] if before is not None else None
    encoded = tokenizer(
        *([list(texts)] if first is None else [first, list(texts)]),
        truncation="longest_first" if first is None else "only_second",
        max_length=limit,
        stride=limit // 4,
        return_overflowing_tokens=True,
    )
    owners = encoded["overflow_to_sample_mapping"]
    names = [name for name in tokenizer.model_input_names if name in encoded]
    found = (Window(owner, {name: encoded[name][row] for name in names}) for row, owner in enumerate(owners))
    return [window for window in found if len(window)]


def _ending(tokenizer: Any, text: str, tokens: int) -> str:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    return text[offsets[-tokens][0] :] if len(offsets) > tokens else text


def window_logits(
    model: Any, tokenizer: Any, found: list[Window], batch_size: int, *, autocast: bool = False
) -> Iterator[tuple[Window, Tensor]]:
    """Yield every window with the classifier's outputs, float32 on the CPU, shape [outputs]; shortest windows first.

    With ``autocast`` the model computes in bfloat16 where that is safe.
    """
    for batch, inputs in _batches(found, batch_size, tokenizer.pad_token_id):
        forget_lengths(model)
        with torch.inference_mode(), torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=autocast):
            logits = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()}).logits
        yield from zip(batch, logits.float().cpu(), strict=True)


def _batches(found: list[Window], size: int, padding: int) -> Iterator[tuple[list[Window], dict[str, Tensor]]]:
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
