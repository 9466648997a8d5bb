"""Rotary embeddings of queries and keys by halves: ``x · cos + [−x₂, x₁] · sin``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from torch.autograd import Function
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["rotate", "rotates_whole"]


def rotates_whole(query: Tensor, _key: Tensor, cos: Tensor, _sin: Tensor) -> bool:
    """Return whether the input of a rotary function is such that all of every head is rotated."""
    return query.dim() == cos.dim() + 1 and query.shape[-1] == cos.shape[-1]


def rotate(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Return queries and keys [batch, heads, length, width], rotated by cos and sin [batch, length, width]."""
    apply = cast("Callable[..., Tensor]", _Rotation.apply)
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    return apply(query, cos, sin), apply(key, cos, sin)


class _Rotation(Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        (first, second), (sin_first, sin_second) = tensor.chunk(2, -1), sin.chunk(2, -1)
        return _add_halves(tensor * cos, -1, second, sin_first, first, sin_second)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        (first, second), (sin_first, sin_second) = grads[0].chunk(2, -1), sin.chunk(2, -1)
        return _add_halves(grads[0] * cos, 1, second, sin_second, first, sin_first), None, None


def _add_halves(into: Tensor, sign: int, left: Tensor, by_left: Tensor, right: Tensor, by_right: Tensor) -> Tensor:
    """Add the sign's products to the first half and subtract them from the second."""
    first, second = into.chunk(2, -1)
    first.addcmul_(left, by_left, value=sign)
    second.addcmul_(right, by_right, value=-sign)
    return into
