"""Block-structured attention masks, in the form that a model's attention implementation and layer types ask for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["TokenPositions", "attention_masks"]


class TokenPositions(NamedTuple):
    """Where every token of a batch stands; rows R, positions L.

    Attributes:
        sequence_RL: Which prompt the token belongs to, within its row; padding has its own number.
        branch_RL: 0 for a prompt, 1, 2, ... for the responses that branch from it.
        position_RL: Position id: those of a branch continue where its prompt ends.
    """

    sequence_RL: Tensor
    branch_RL: Tensor
    position_RL: Tensor


def attention_masks(config: Any, places: TokenPositions, dtype: torch.dtype) -> Any:
    """Return what to pass as ``attention_mask``: one mask, or one per layer type.

    A token sees its prompt and its own branch, up to itself, and within the window of the layer. The window is counted
    in position ids, because a branch does not lie behind its prompt in the row.

    Args:
        config: Of the language model.
        places: Where the tokens stand.
        dtype: In which the model computes.

    Raises:
        NotImplementedError: The attention implementation takes no such mask, or a layer type is none of attention.
    """
    text = config.get_text_config()
    window: int | None = getattr(text, "sliding_window", None)
    types = dict.fromkeys(getattr(text, "layer_types", None) or ())
    make = partial(_mask, config._attn_implementation, places, dtype)  # noqa: SLF001 - it has no other name
    if not types:
        return make(window)
    windows = {"full_attention": None, "sliding_attention": window}
    if not types.keys() <= windows.keys():
        msg = f"no block-structured mask for layers of type {', '.join(types.keys() - windows.keys())}"
        raise NotImplementedError(msg)
    return {name: make(windows[name]) for name in types}


def _mask(implementation: str, places: TokenPositions, dtype: torch.dtype, window: int | None) -> Any:
    match implementation:
        case "sdpa" | "eager":
            # Added to the scores, as both do in the end: SDPA would turn a boolean mask into such a one in every layer.
            seen_R1LL = _dense(places, window)
            return torch.zeros_like(seen_R1LL, dtype=dtype).masked_fill_(~seen_R1LL, -torch.inf)
        case "flex_attention":
            return _blocks(places, window)
        case _:
            msg = f"attention '{implementation}' takes no block-structured mask"
            raise NotImplementedError(msg)


def _sees(places: TokenPositions, window: int | None) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return whether query ``q`` sees key ``k`` of row ``r``, for index tensors that broadcast."""
    sequence_RL, branch_RL, position_RL = places

    def sees(r: Tensor, q: Tensor, k: Tensor) -> Tensor:
        distance = position_RL[r, q] - position_RL[r, k]
        branch_k = branch_RL[r, k]
        seen = (sequence_RL[r, q] == sequence_RL[r, k]) & (distance >= 0)
        seen = seen & ((branch_k == 0) | (branch_k == branch_RL[r, q]))
        return seen if window is None else seen & (distance < window)

    return sees


def _dense(places: TokenPositions, window: int | None) -> Tensor:
    rows, length = places.position_RL.shape
    index = torch.arange(max(rows, length), device=places.position_RL.device)
    sees = _sees(places, window)
    return sees(index[:rows, None, None], index[:length, None], index[:length]).unsqueeze(1)


def _blocks(places: TokenPositions, window: int | None) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    rows, length = places.position_RL.shape
    sees = _sees(places, window)

    def mask_mod(row: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return sees(row, query, key)

    return create_block_mask(mask_mod, rows, None, length, length, device=places.position_RL.device.type)
