"""Root mean square norms: ``weight · x / √(mean(x²) + ε)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from upo_sdk.policy.cpu_kernels.probe import is_whole

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RMSNormKernel", "rms_norm"]


def rms_norm(hidden: Tensor, weight_H: Tensor, epsilon: float) -> Tensor:
    """Return the norm over the last dimension; its backward pass needs one buffer of the size of the input."""
    normed: Tensor = _RMSNorm.apply(hidden, weight_H, epsilon)  # type: ignore[no-untyped-call]  # of torch
    return normed


class RMSNormKernel:
    """Computes a module that has a weight, a small constant and nothing else.

    Both are read from the module at every call: whoever shards or swaps parameters puts others there.

    Raises:
        AttributeError: The module is built otherwise.
        ValueError: It has another number of parameters.
    """

    def __init__(self, module: nn.Module) -> None:
        ((self._weight, weight_H),) = module.named_parameters()
        if any(True for _ in module.buffers()):
            raise AttributeError
        self._module: Any = module
        self._epsilon = "variance_epsilon" if hasattr(module, "variance_epsilon") else "eps"
        (self.width,) = weight_H.shape

    def fits(self, hidden: Tensor) -> bool:
        """Return whether the module's weight, as it is now, is a plain one of the input's width."""
        weight_H = getattr(self._module, self._weight)
        return is_whole(weight_H) and hidden.shape[-1:] == weight_H.shape and hidden.device == weight_H.device

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return what the module returns."""
        return rms_norm(hidden, getattr(self._module, self._weight), float(getattr(self._module, self._epsilon)))


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight_H: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        scale = norm.square_().div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(hidden, weight_H, scale)
        normed: Tensor = (hidden * scale).mul_(weight_H)
        return normed

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, Tensor | None, None]:
        """With ``s`` the scale: ``s · (g · w − x · s² · mean(g · w · x))``."""
        hidden, weight_H, scale = ctx.saved_tensors
        hidden_SH, grad_SH, scale_S1 = hidden.flatten(0, -2), grads[0].flatten(0, -2), scale.flatten(0, -2)
        buffer_SH = grad_SH * hidden_SH
        of_weight_H = buffer_SH.t().mv(scale_S1.squeeze(-1)) if ctx.needs_input_grad[1] else None
        if not ctx.needs_input_grad[0]:
            return None, of_weight_H, None
        mean_S1 = buffer_SH.mv(weight_H).unsqueeze(-1).div_(len(weight_H))
        of_hidden_SH = torch.mul(grad_SH, weight_H, out=buffer_SH).mul_(scale_S1)
        of_hidden_SH.addcmul_(hidden_SH, mean_S1.mul_(scale_S1**3), value=-1)
        return of_hidden_SH.view_as(hidden), of_weight_H, None
