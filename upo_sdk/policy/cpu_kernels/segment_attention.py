"""Attention segment by segment: a prompt sees itself, a response its prompt and itself; no mask, no pair too many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedModel

__all__ = ["NAME", "Segment", "own_attention", "segment_attention"]

NAME = "upo_segments"
"""Under which transformers knows this attention; without segments it is SDPA."""

_UNKNOWN = ("sliding_window", "softcap", "s_aux", "sinks", "position_bias", "cache")
_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001 - what SDPA calls; it hides the sum
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward  # noqa: SLF001 - likewise


def own_attention(lm: PreTrainedModel) -> str:
    """Return the attention implementation of the model itself, also while a layout has put this one in its place."""
    config: Any = lm.config
    found: str = config._attn_implementation  # noqa: SLF001 - it has no other name
    return "sdpa" if found == NAME else found


class Segment(NamedTuple):
    """One prompt and its responses, behind one another in the row.

    Attributes:
        start: Where the prompt begins.
        ends: Where the prompt and every response end.
    """

    start: int
    ends: Sequence[int]

    def causal(self) -> Iterator[slice]:
        """Yield the prompt and every response that feeds a token: the parts that see themselves."""
        for start, end in zip((self.start, *self.ends), self.ends, strict=False):
            if end > start:
                yield slice(start, end)

    @property
    def prompt(self) -> slice:
        """The part that the responses see."""
        return slice(self.start, self.ends[0])

    @property
    def responses(self) -> slice:
        """All responses together."""
        return slice(self.ends[0], self.ends[-1])


def segment_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    segments: Sequence[Segment] | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend within segments, if given, from queries [1, heads, S, width] to a result [1, S, heads, width].

    Raises:
        NotImplementedError: The layer asks for something that this attention does not have.
    """
    if segments is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    asked = [name for name in _UNKNOWN if kwargs.get(name) is not None]
    if asked or dropout:
        msg = f"attention by segments, which has no {', '.join(asked) or 'dropout'}"
        raise NotImplementedError(msg)
    if torch.is_autocast_enabled("cpu"):
        query, key, value = (tensor.to(torch.get_autocast_dtype("cpu")) for tensor in (query, key, value))
    attended: Any = _SegmentAttention.apply(query, key, value, scaling, segments)  # type: ignore[no-untyped-call]
    return attended, None


class _SegmentAttention(Function):
    """Responses attend to their prompt and to themselves in two calls, joined by their sums, as ring attention does.

    The backward pass of a part needs the joined result and sum only, and gives its part of the gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, scale: float | None, segments: Sequence[Segment]
    ) -> Tensor:
        result = _like_projected(query)
        total = query.new_empty(query.shape[:-1], dtype=torch.float32)
        for at, seen, causal in _calls(segments):
            part, sum_ = _forward(*_heads(query, key, value, at, seen), is_causal=causal, scale=scale)
            if causal:
                result[:, :, at], total[:, :, at] = part, sum_
            else:
                _join(result[:, :, at], total[:, :, at], part, sum_)
        ctx.save_for_backward(query, key, value, result, total)
        ctx.scale, ctx.segments = scale, segments
        return result.transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, result, total = ctx.saved_tensors
        grad = grads[0].transpose(1, 2)
        found = [_like_projected(tensor) for tensor in (query, key, value)]
        for at, seen, causal in _calls(ctx.segments):
            inputs = _heads(query, key, value, at, seen)
            parts = _backward(grad[:, :, at], *inputs, result[:, :, at], total[:, :, at], 0.0, causal, scale=ctx.scale)
            for tensor, where, part in zip(found, (at, seen, seen), parts, strict=True):
                folded = _fold(part, tensor.shape[1])
                if causal:
                    tensor[:, :, where] = folded
                else:
                    tensor[:, :, where] += folded
        return found[0], found[1], found[2], None, None


def _calls(segments: Sequence[Segment]) -> Iterator[tuple[slice, slice, bool]]:
    """Yield the queries, the keys and whether the call is causal.

    Every place belongs to one causal call, which comes before the others about it.
    """
    for segment in segments:
        for part in segment.causal():
            yield part, part, True
        if segment.responses.stop > segment.responses.start:
            yield segment.responses, segment.prompt, False


def _heads(query: Tensor, key: Tensor, value: Tensor, at: slice, seen: slice) -> tuple[Tensor, Tensor, Tensor]:
    """Return the parts of a call, keys and values repeated for the queries' heads."""
    times = query.shape[1] // key.shape[1]
    parts = (tensor[:, :, seen] for tensor in (key, value))
    repeated = [part if times == 1 else part.repeat_interleave(times, 1) for part in parts]
    return query[:, :, at], repeated[0], repeated[1]


def _join(result: Tensor, total: Tensor, part: Tensor, sum_: Tensor) -> None:
    """Add a part to what was attended before: both are means, weighted by the exponentials of their sums."""
    joined = torch.logaddexp(total, sum_)
    result.mul_((total - joined).exp_().unsqueeze(-1)).add_(part.mul_((sum_ - joined).exp_().unsqueeze(-1)))
    total.copy_(joined)


def _like_projected(tensor: Tensor) -> Tensor:
    """Return room for [1, heads, S, width] that lies in memory as the results of the projections do."""
    one, heads, length, width = tensor.shape
    return tensor.new_empty(one, length, heads, width).transpose(1, 2)


def _fold(grad: Tensor, heads: int) -> Tensor:
    """Add up the gradients of the repeated heads."""
    return grad if grad.shape[1] == heads else grad.reshape(len(grad), heads, -1, *grad.shape[2:]).sum(2)


AttentionInterface.register(NAME, segment_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
