"""Giving memory back that a step on a CPU has freed."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import psutil
import torch
from torch import Tensor
from transformers.modeling_layers import GradientCheckpointingLayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

__all__ = ["GROWTH_BYTES", "FreeMemory"]

GROWTH_BYTES = 64 * 2**20
"""Growth of the process after which freed memory is returned between layers; each time takes a hundredth of a step."""


class FreeMemory:
    """Hands what the C library keeps of freed memory back to the system; does nothing where that library is not glibc.

    glibc rarely fits a new tensor into the hole that one of the same size left, because aligned blocks need some bytes
    more. Such holes add up in the forward pass, and again in the backward pass, to 200 MB where 700 MB are in use.
    """

    def __init__(self) -> None:
        self._trim = _trim()
        self._resident = psutil.Process().memory_info
        self._low = 0

    def watch_layers(self, model: nn.Module) -> None:
        """Return free memory between the model's decoder layers, in both passes, where the process has grown.

        That takes up to a tenth of a step, so it is for runs that trade time for memory: with activation checkpointing.
        """
        if self._trim is not None:
            for module in model.modules():
                if isinstance(module, GradientCheckpointingLayer):
                    module.register_forward_hook(self._after_layer)

    def give_back(self) -> None:
        """Return free memory now."""
        if self._trim is not None:
            self._trim(0)
            self._low = self._resident().rss

    def _after_layer(self, _layer: nn.Module, _inputs: Any, output: Any) -> None:
        if not torch.is_grad_enabled():
            return
        hidden = output[0] if isinstance(output, tuple) else output
        if isinstance(hidden, Tensor) and hidden.requires_grad:
            hidden.register_hook(self._after_gradient)  # type: ignore[no-untyped-call]  # of torch
        self._give_back_if_grown()

    def _after_gradient(self, _grad: Tensor) -> None:
        self._give_back_if_grown()

    def _give_back_if_grown(self) -> None:
        resident = self._resident().rss
        self._low = min(self._low, resident)
        if resident - self._low > GROWTH_BYTES:
            self.give_back()


@cache
def _trim() -> Callable[[int], int] | None:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
