"""Gated feed-forward layers: ``down(activation(gate(x)) · up(x))``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from upo_sdk.policy.cpu_kernels.projection import Projection

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GatedMLPKernel"]


class GatedMLPKernel:
    """Computes a module that has a gate, an up- and a down-projection, all without bias, and an activation.

    The graph keeps the input and what both projections give; products go into buffers that exist anyway. Parts and
    weights are read from the module at every call: whoever shards, swaps or adapts them puts others there.

    Raises:
        AttributeError: The module is built otherwise.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = cast("Any", module)
        self.width: int = self._module.gate_proj.in_features
        of_parts = sum(tensor is not None for part in self._parts() if part for tensor in part.matrices)
        if len(list(module.parameters())) != of_parts or not callable(self._module.act_fn):
            raise AttributeError

    def _parts(self) -> tuple[Projection | None, Projection | None, Projection | None]:
        module = self._module
        return Projection.of(module.gate_proj), Projection.of(module.up_proj), Projection.of(module.down_proj)

    def fits(self, hidden: Tensor) -> bool:
        """Return whether the projections, as they are now, are their weights and adapters: no bias, no hook."""
        return all(part is not None and part.is_whole_at(hidden) for part in self._parts())

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return what the module returns."""
        parts = cast("tuple[Projection, Projection, Projection]", self._parts())
        matrices = [matrix for part in parts for matrix in part.matrices]
        scales = [part.scale for part in parts]
        result: Tensor = _GatedMLP.apply(hidden, *matrices, scales, self._module.act_fn)  # type: ignore[no-untyped-call]  # of torch
        return result


def _projections(matrices: Any, scales: list[float]) -> list[Projection]:
    """Return gate, up and down from three matrices each."""
    groups = zip(matrices[0::3], matrices[1::3], matrices[2::3], scales, strict=True)
    return [Projection(weight_OI, first_RI, second_OR, scale) for weight_OI, first_RI, second_OR, scale in groups]


class _GatedMLP(Function):
    """Legend: ``I`` width between the projections."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, *given: Any) -> Tensor:
        """Take three matrices of each projection, their scales and the activation."""
        *matrices, ctx.scales, ctx.activation = given
        gate, up, down = _projections(matrices, ctx.scales)
        hidden_SH = hidden.flatten(0, -2)
        (gate_SI, of_gate_SR), (up_SI, of_up_SR) = gate(hidden_SH), up(hidden_SH)
        active_SI = ctx.activation(gate_SI)
        product_SI = torch.mul(active_SI, up_SI, out=None if active_SI is gate_SI else active_SI)
        result_SH, of_down_SR = down(product_SI)
        ctx.save_for_backward(hidden, gate_SI, up_SI, of_gate_SR, of_up_SR, of_down_SR, *matrices)
        return result_SH.view_as(hidden)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, ...]:
        hidden, gate_SI, up_SI, inner_of_gate_SR, inner_of_up_SR, inner_of_down_SR, *matrices = ctx.saved_tensors
        gate, up, down = _projections(matrices, ctx.scales)
        wanted = ctx.needs_input_grad
        hidden_SH, grad_SH = hidden.flatten(0, -2), grads[0].flatten(0, -2)
        with torch.enable_grad():
            input_SI = gate_SI.detach().requires_grad_()
            active_SI = ctx.activation(input_SI)
        product_SI = active_SI.detach() * up_SI
        of_down = down.by_matrices(grad_SH, product_SI, inner_of_down_SR, wanted[7:10])
        of_product_SI = down.by_input(grad_SH)
        of_up_SI = torch.mul(of_product_SI, active_SI.detach(), out=product_SI)
        (of_gate_SI,) = torch.autograd.grad(active_SI, input_SI, of_product_SI.mul_(up_SI))
        del active_SI, of_product_SI
        of_gate = gate.by_matrices(of_gate_SI, hidden_SH, inner_of_gate_SR, wanted[1:4])
        of_up = up.by_matrices(of_up_SI, hidden_SH, inner_of_up_SR, wanted[4:7])
        of_hidden = up.by_input(of_up_SI, gate.by_input(of_gate_SI)).view_as(hidden) if wanted[0] else None
        return of_hidden, *of_gate, *of_up, *of_down, None, None
