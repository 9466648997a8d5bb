"""How many windows may share a forward pass of a classifier, so that each gets the score that it has alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.classifiers.windows import Window, window_logits

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["safe_batch_size"]

_SHORT, _LONG = 3, 128
_EXACT, _HALF = 1e-5, 2e-2
"""By how much of the largest output both ways may differ: in float32, and in half precision."""
_BY_LENGTH = {"dynamic", "longrope"}
"""Rotary embeddings that are others for long sequences."""


def safe_batch_size(model: Any, tokenizer: Any, limit: int, wanted: int) -> int:
    """Return ``wanted``, or 1 if padding or a longer neighbour changes what the model gives.

    Tried on a short and a long window, made of the tokenizer's words: alone, and together.

    Args:
        model: A sequence classifier in evaluation mode, on its device and in its number format.
        tokenizer: Its tokenizer, with a padding token; the model's configuration gets it too.
        limit: Tokens per window at most.
        wanted: Windows per forward pass.
    """
    text = model.config.get_text_config()
    text.pad_token_id = tokenizer.pad_token_id  # by it, a decoder finds the last token to read
    if wanted == 1:
        return 1
    rope: Any = getattr(text, "rope_parameters", None) or {}
    switches = rope.get("rope_type") in _BY_LENGTH
    words = [word for word in range(min(len(tokenizer), 2 * limit)) if word not in tokenizer.all_special_ids]
    if not words:
        return 1
    tried = [
        _window(0, words, _SHORT, tokenizer),
        _window(1, words, limit if switches else min(limit, _LONG), tokenizer),
    ]
    try:
        alone, together = _logits(model, tokenizer, tried, 1), _logits(model, tokenizer, tried, 2)
    except (ValueError, RuntimeError, IndexError):  # some models take one text at a time only
        return 1
    allowed = (_EXACT if model.dtype == torch.float32 else _HALF) * max(1.0, float(alone.abs().max()))
    return wanted if bool((alone - together).abs().max() <= allowed) else 1


def _window(number: int, words: list[int], length: int, tokenizer: Any) -> Window:
    ids = [words[place % len(words)] for place in range(length)]
    inputs = {name: [int(name == "attention_mask")] * length for name in tokenizer.model_input_names}
    return Window(number, {**inputs, "input_ids": ids})


def _logits(model: Any, tokenizer: Any, tried: list[Window], size: int) -> Tensor:
    return torch.stack([logits for _, logits in window_logits(model, tokenizer, tried, size)])
