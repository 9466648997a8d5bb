"""Texts as overlapping windows of tokens, so that nothing of a long text goes unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

__all__ = ["Window", "forget_lengths", "safe_batch_size", "token_limit", "window_logits", "windows"]

_POSITIONS_START_AFTER_PADDING = {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta"}

_SHORT, _LONG = 3, 128
_EXACT, _HALF = 1e-5, 2e-2
"""By how much of the largest output both ways may differ: in float32, and in half precision."""
_BY_LENGTH = {"dynamic", "longrope"}
"""Rotary embeddings that are others for long sequences."""


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


def forget_lengths(model: nn.Module) -> None:
    """Let rotary embeddings that grow with the longest sequence ever seen be as they were before any."""
    for module in model.modules():
        own = vars(module)
        for name in [name for name in own if name.endswith("max_seq_len_cached") and "original_max_seq_len" in own]:
            prefix = name.removesuffix("max_seq_len_cached")
            original: Any = getattr(module, f"{prefix}original_inv_freq", None)
            current: Any = getattr(module, f"{prefix}inv_freq", None)
            if original is not None and current is not None and int(own[name]) != own["original_max_seq_len"]:
                setattr(module, f"{prefix}inv_freq", original.to(current.device))
                setattr(module, name, own["original_max_seq_len"])


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
