"""Gated feed-forward layers: ``down(activation(gate(x)) · up(x))``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from upo_sdk.policy.cpu_kernels.probe import is_whole
from upo_sdk.policy.fused_head import is_plain

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
        if len(list(module.parameters())) != len(self._parts()) or not callable(self._module.act_fn):
            raise AttributeError

    def _parts(self) -> tuple[Any, Any, Any]:
        return self._module.gate_proj, self._module.up_proj, self._module.down_proj

    def fits(self, hidden: Tensor) -> bool:
        """Return whether the projections, as they are now, are their weights: no bias, no adapter, no hook."""
        return all(
            is_plain(part) and is_whole(part.weight) and part.weight.device == hidden.device for part in self._parts()
        )

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return what the module returns."""
        weights = [part.weight for part in self._parts()]
        result: Tensor = _GatedMLP.apply(hidden, *weights, self._module.act_fn)  # type: ignore[no-untyped-call]  # of torch
        return result


class _GatedMLP(Function):
    """Legend: ``I`` width between the projections."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, gate_IH: Tensor, up_IH: Tensor, down_HI: Tensor, activation: nn.Module
    ) -> Tensor:
        hidden_SH = hidden.flatten(0, -2)
        gate_SI, up_SI = hidden_SH @ gate_IH.t(), hidden_SH @ up_IH.t()
        ctx.save_for_backward(hidden, gate_SI, up_SI, gate_IH, up_IH, down_HI)
        ctx.activation = activation
        active_SI = activation(gate_SI)
        product_SI = torch.mul(active_SI, up_SI, out=None if active_SI is gate_SI else active_SI)
        result: Tensor = (product_SI @ down_HI.t()).view_as(hidden)
        return result

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None, None]:
        hidden, gate_SI, up_SI, gate_IH, up_IH, down_HI = ctx.saved_tensors
        hidden_SH, grad_SH = hidden.flatten(0, -2), grads[0].flatten(0, -2)
        with torch.enable_grad():
            input_SI = gate_SI.detach().requires_grad_()
            active_SI = ctx.activation(input_SI)
        product_SI = active_SI.detach() * up_SI
        of_down_HI = grad_SH.t() @ product_SI if ctx.needs_input_grad[3] else None
        of_product_SI = grad_SH @ down_HI
        of_up_SI = torch.mul(of_product_SI, active_SI.detach(), out=product_SI)
        (of_gate_SI,) = torch.autograd.grad(active_SI, input_SI, of_product_SI.mul_(up_SI))
        del active_SI, of_product_SI
        of_gate_IH = of_gate_SI.t() @ hidden_SH if ctx.needs_input_grad[1] else None
        of_up_IH = of_up_SI.t() @ hidden_SH if ctx.needs_input_grad[2] else None
        of_hidden = (of_gate_SI @ gate_IH).addmm_(of_up_SI, up_IH).view_as(hidden) if ctx.needs_input_grad[0] else None
        return of_hidden, of_gate_IH, of_up_IH, of_down_HI, None
