"""Linear maps with or without an adapter: ``x · Wᵀ + b + s · (x · Aᵀ) · Bᵀ``."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from upo_sdk.policy.cpu_kernels.probe import is_whole
from upo_sdk.policy.fused_head import is_bare, is_plain

__all__ = ["AdaptedLinearKernel", "Projection", "is_adapted"]


class Projection(NamedTuple):
    """A map from ``I`` to ``O`` features; an adapter of rank ``R`` adds its two matrices and its scale.

    All are read from a module at every call: whoever shards, swaps or adapts it puts others there.
    """

    weight_OI: Tensor
    first_RI: Tensor | None = None
    second_OR: Tensor | None = None
    scale: float = 1.0
    bias_O: Tensor | None = None

    @classmethod
    def of(cls, module: Any) -> Projection | None:
        """Return what a module computes; None if it does more, or has a bias that is trained."""
        if is_plain(module):
            return cls(module.weight)
        if not is_adapted(module) or module.disable_adapters or module.merged or module.lora_variant:
            return None
        names = [name for name in module.active_adapters if name in module.lora_A]
        if len(names) != 1 or type(module.lora_dropout[names[0]]) is not nn.Identity:
            return None
        base, first, second = module.base_layer, module.lora_A[names[0]], module.lora_B[names[0]]
        if not (is_bare(base, nn.Linear) and is_plain(first) and is_plain(second)):
            return None
        if base.bias is not None and base.bias.requires_grad:
            return None
        return cls(base.weight, first.weight, second.weight, float(module.scaling[names[0]]), base.bias)

    @property
    def matrices(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The matrices, as autograd needs them: one by one."""
        return self.weight_OI, self.first_RI, self.second_OR

    def is_whole_at(self, hidden: Tensor) -> bool:
        """Return whether all of it are plain tensors in fp32 where the input is."""
        there = [tensor for tensor in (*self.matrices, self.bias_O) if tensor is not None]
        return all(is_whole(tensor) and tensor.device == hidden.device for tensor in there)

    def __call__(self, input_SI: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the result, and what lies between the adapter's matrices, [S, R]."""
        weight_IO = self.weight_OI.t()
        result_SO = input_SI @ weight_IO if self.bias_O is None else torch.addmm(self.bias_O, input_SI, weight_IO)
        if self.first_RI is None or self.second_OR is None:
            return result_SO, None
        inner_SR = input_SI @ self.first_RI.t()
        return result_SO.addmm_(inner_SR, self.second_OR.t(), alpha=self.scale), inner_SR

    def by_input(self, grad_SO: Tensor, add_to_SI: Tensor | None = None) -> Tensor:
        """Return the gradient by the input, added to a tensor if one is given."""
        of_SI = grad_SO @ self.weight_OI if add_to_SI is None else add_to_SI.addmm_(grad_SO, self.weight_OI)
        if self.first_RI is None or self.second_OR is None:
            return of_SI
        return of_SI.addmm_(grad_SO @ self.second_OR, self.first_RI, alpha=self.scale)

    def by_matrices(
        self, grad_SO: Tensor, input_SI: Tensor, inner_SR: Tensor | None, wanted: tuple[bool, ...]
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the gradients by the matrices, those that are wanted."""
        of_weight_OI = grad_SO.t() @ input_SI if wanted[0] else None
        if inner_SR is None or self.second_OR is None:
            return of_weight_OI, None, None
        of_first_RI = ((grad_SO @ self.second_OR).t() @ input_SI).mul_(self.scale) if wanted[1] else None
        of_second_OR = (grad_SO.t() @ inner_SR).mul_(self.scale) if wanted[2] else None
        return of_weight_OI, of_first_RI, of_second_OR


def is_adapted(module: Any) -> bool:
    """Return whether a module is PEFT's linear layer with an adapter; PEFT need not be installed."""
    kind = type(module)
    return kind.__name__ == "Linear" and kind.__module__ == "peft.tuners.lora.layer"


class AdaptedLinearKernel:
    """Computes a linear layer with an adapter in place, where PEFT makes three more tensors of the result's size.

    Raises:
        AttributeError: The module is no such layer.
    """

    def __init__(self, module: nn.Module) -> None:
        if not is_adapted(module):
            raise AttributeError
        self._module = cast("Any", module)
        self.width = int(self._module.in_features)

    def fits(self, hidden: Tensor) -> bool:
        """Return whether the layer, as it is now, computes nothing else."""
        projection = Projection.of(self._module)
        return projection is not None and projection.is_whole_at(hidden)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return what the module returns."""
        projection = cast("Projection", Projection.of(self._module))
        result: Tensor = _AdaptedLinear.apply(hidden, *projection.matrices, projection.scale, projection.bias_O)  # type: ignore[no-untyped-call]  # of torch
        return result


class _AdaptedLinear(Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight_OI: Tensor,
        first_RI: Tensor,
        second_OR: Tensor,
        scale: float,
        bias_O: Tensor | None,
    ) -> Tensor:
        result_SO, inner_SR = Projection(weight_OI, first_RI, second_OR, scale, bias_O)(hidden.flatten(0, -2))
        ctx.save_for_backward(hidden, weight_OI, first_RI, second_OR, inner_SR)
        ctx.scale = scale
        return result_SO.view(*hidden.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, ...]:
        hidden, weight_OI, first_RI, second_OR, inner_SR = ctx.saved_tensors
        projection = Projection(weight_OI, first_RI, second_OR, ctx.scale)
        hidden_SI, grad_SO = hidden.flatten(0, -2), grads[0].flatten(0, -2)
        of_hidden = projection.by_input(grad_SO).view_as(hidden) if ctx.needs_input_grad[0] else None
        of_matrices = projection.by_matrices(grad_SO, hidden_SI, inner_SR, ctx.needs_input_grad[1:4])
        return of_hidden, *of_matrices, None, None
