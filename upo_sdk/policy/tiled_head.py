"""Log-probs behind a linear head, tile by tile: neither logits nor a second gradient of the weight ever exist whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["POSITIONS", "linear_logps"]

POSITIONS = 2048
"""Positions of one tile at most; more would make its share of the vocabulary too narrow for fast products."""


class _Tile(NamedTuple):
    """A block of logits: the vocabulary from ``start`` to ``end``; ``K`` counts the blocks."""

    start: int
    end: int

    def targets(self, target_M: Tensor) -> tuple[Tensor, Tensor]:
        """Return the column of each target as [M, 1], clamped into the tile, and whether it lies there."""
        column_M1 = (target_M - self.start).unsqueeze(-1)
        return column_M1.clamp(0, self.end - self.start - 1), (column_M1 >= 0) & (column_M1 < self.end - self.start)


def linear_logps(hidden_MH: Tensor, weight_VH: Tensor, target_M: Tensor, *, tile_bytes: int, kept_bytes: int) -> Tensor:
    """Return ``log softmax(hidden · weightᵀ)[target]`` per position, fp32, shape [M].

    Products are taken in the type of autocast, or of the inputs; sums over the vocabulary in fp32. The backward pass
    makes every tile again that was not kept, and turns it into its part of the gradient of the weight, which is
    written once.

    Args:
        hidden_MH: Hidden states.
        weight_VH: Of the head, without bias.
        target_M: Token ids.
        tile_bytes: Size of a tile of fp32 logits. What fits into a core's cache is also the fastest on a CPU.
        kept_bytes: Size of the tiles that are kept for the backward pass.
    """
    hidden, target = torch.split(hidden_MH, POSITIONS), torch.split(target_M, POSITIONS)
    if torch.is_grad_enabled() and hidden_MH.requires_grad and not weight_VH.requires_grad:
        frozen = [
            _FrozenLinearLogps.apply(hidden_CH, weight_VH, target_C, tile_bytes)  # type: ignore[no-untyped-call]  # of torch
            for hidden_CH, target_C in zip(hidden, target, strict=True)
        ]
        return torch.cat(frozen)
    kept_bytes = kept_bytes if torch.is_grad_enabled() else 0
    parts = [
        _LinearLogps.apply(hidden_CH, weight_VH, target_C, tile_bytes, kept_bytes // len(hidden))  # type: ignore[no-untyped-call]  # of torch
        for hidden_CH, target_C in zip(hidden, target, strict=True)
    ]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


class _LinearLogps(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_MH: Tensor, weight_VH: Tensor, target_M: Tensor, tile_bytes: int, kept_bytes: int
    ) -> Tensor:
        ctx.dtype, ctx.tile_bytes = _compute_dtype(hidden_MH), tile_bytes
        ctx.kept = dict[_Tile, Tensor]()
        chosen_M1 = torch.zeros(len(hidden_MH), 1, device=hidden_MH.device)
        tops, sums = list[Tensor](), list[Tensor]()
        logits = _Logits(ctx, hidden_MH, weight_VH)
        for tile in logits.tiles():
            kept_bytes -= 4 * len(hidden_MH) * (tile.end - tile.start)
            logits_MC = logits(tile, fresh=kept_bytes >= 0)
            column_M1, inside_M1 = tile.targets(target_M)
            chosen_M1 += logits_MC.gather(-1, column_M1) * inside_M1
            top_M1 = logits_MC.amax(-1, keepdim=True)
            tops.append(top_M1)
            sums.append(top_M1 + logits_MC.sub_(top_M1).exp_().sum(-1, keepdim=True).log())
            if kept_bytes >= 0:
                ctx.kept[tile] = logits_MC
        total_M1 = torch.stack(sums).logsumexp(0)
        ctx.save_for_backward(hidden_MH, weight_VH, target_M, total_M1, torch.stack(tops))
        return (chosen_M1 - total_M1).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        """``d logp / d logits = 1[v = y] − softmax(logits)_v``, made in the tile's own buffer."""
        hidden_MH, weight_VH, target_M, total_M1, top_KM1 = ctx.saved_tensors
        grad_M1 = grads[0].unsqueeze(-1)
        typed_MH = hidden_MH.to(ctx.dtype)
        of_hidden = torch.zeros_like(hidden_MH, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight_VH) if ctx.needs_input_grad[1] else None
        logits = _Logits(ctx, hidden_MH, weight_VH)
        for tile, top_M1 in zip(logits.tiles(), top_KM1, strict=True):
            kept_MC = ctx.kept.pop(tile, None)  # overwritten below; a second backward pass makes it again
            power_MC = logits(tile).sub_(top_M1).exp_() if kept_MC is None else kept_MC
            scale_M1 = -grad_M1 * (top_M1 - total_M1).exp_()
            column_M1, inside_M1 = tile.targets(target_M)
            of_logits_MC = power_MC.mul_(scale_M1).scatter_add_(-1, column_M1, grad_M1 * inside_M1).to(ctx.dtype)
            rows = slice(tile.start, tile.end)
            if of_hidden is not None:
                _add_product(of_hidden, of_logits_MC, weight_VH[rows].to(ctx.dtype))
            if of_weight is not None:
                _write_product(of_weight[rows], of_logits_MC.t(), typed_MH)
        of_hidden = None if of_hidden is None else of_hidden.to(hidden_MH.dtype)
        return of_hidden, of_weight, None, None, None


class _FrozenLinearLogps(Function):
    """The same behind a weight that is not trained: what its backward pass needs is one vector per position."""

    @staticmethod
    def forward(ctx: Any, hidden_MH: Tensor, weight_VH: Tensor, target_M: Tensor, tile_bytes: int) -> Tensor:
        """Keep ``d logp / d hidden = weight[target] − Σ_v softmax_v · weight[v]``, summed up tile by tile."""
        ctx.dtype, ctx.tile_bytes = _compute_dtype(hidden_MH), tile_bytes
        chosen_M1 = torch.zeros(len(hidden_MH), 1, device=hidden_MH.device)
        mean_MH = torch.zeros_like(hidden_MH, dtype=torch.float32)  # times the sum so far
        top_M1 = torch.full_like(chosen_M1, -torch.inf)
        sum_M1 = torch.zeros_like(chosen_M1)
        logits = _Logits(ctx, hidden_MH, weight_VH)
        for tile in logits.tiles():
            logits_MC = logits(tile)
            column_M1, inside_M1 = tile.targets(target_M)
            chosen_M1 += logits_MC.gather(-1, column_M1) * inside_M1
            higher_M1 = torch.maximum(top_M1, logits_MC.amax(-1, keepdim=True))
            shrink_M1 = (top_M1 - higher_M1).exp_()
            power_MC = logits_MC.sub_(higher_M1).exp_()
            sum_M1.mul_(shrink_M1).add_(power_MC.sum(-1, keepdim=True))
            _add_product(
                mean_MH.mul_(shrink_M1), power_MC.to(ctx.dtype), weight_VH[tile.start : tile.end].to(ctx.dtype)
            )
            top_M1 = higher_M1
        slope_MH = torch.sub(weight_VH[target_M], mean_MH.div_(sum_M1), out=mean_MH)
        ctx.save_for_backward(slope_MH.to(hidden_MH.dtype))
        return (chosen_M1 - top_M1 - sum_M1.log()).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor, None, None, None]:
        (slope_MH,) = ctx.saved_tensors
        return grads[0].unsqueeze(-1).to(slope_MH.dtype) * slope_MH, None, None, None


class _Logits:
    """Computes tiles of fp32 logits, in one buffer but for those to be kept: touching fresh memory costs as much."""

    def __init__(self, ctx: Any, hidden_MH: Tensor, weight_VH: Tensor) -> None:
        self._dtype, self._weight_VH = ctx.dtype, weight_VH
        self._typed_MH = hidden_MH.to(ctx.dtype)
        self._width = min(len(weight_VH), max(1, ctx.tile_bytes // (4 * len(hidden_MH))))
        self._buffer = hidden_MH.new_empty(0, dtype=torch.float32)

    def tiles(self) -> Iterator[_Tile]:
        """Yield the parts of the vocabulary."""
        words = len(self._weight_VH)
        for start in range(0, words, self._width):
            yield _Tile(start, min(start + self._width, words))

    def __call__(self, tile: _Tile, *, fresh: bool = False) -> Tensor:
        """Return the logits of a tile; without ``fresh`` they hold until the next such call."""
        count, width = len(self._typed_MH), tile.end - tile.start
        if fresh:
            logits_MC = self._buffer.new_empty(count, width)
        else:
            if not self._buffer.numel():
                self._buffer = self._buffer.new_empty(count * self._width)
            logits_MC = self._buffer[: count * width].view(count, width)
        _write_product(logits_MC, self._typed_MH, self._weight_VH[tile.start : tile.end].to(self._dtype).t())
        return logits_MC


def _write_product(into: Tensor, left: Tensor, right: Tensor) -> None:
    if into.dtype == left.dtype:
        torch.mm(left, right, out=into)
    else:
        into.copy_(left @ right)


def _add_product(into: Tensor, left: Tensor, right: Tensor) -> None:
    if into.dtype == left.dtype:
        into.addmm_(left, right)
    else:
        into.add_(left @ right)


def _compute_dtype(hidden_MH: Tensor) -> torch.dtype:
    kind = hidden_MH.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_MH.dtype
