"""Norms, gated layers and rotary embeddings of a model in fewer passes: those that a probe shows to be such."""

from __future__ import annotations

import inspect
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from upo_sdk.policy.cpu_kernels.gated_mlp import GatedMLPKernel
from upo_sdk.policy.cpu_kernels.probe import disagreement
from upo_sdk.policy.cpu_kernels.projection import AdaptedLinearKernel
from upo_sdk.policy.cpu_kernels.rms_norm import RMSNormKernel
from upo_sdk.policy.cpu_kernels.rotary import rotate, rotates_whole

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Replacements"]

_ROTARY = "apply_rotary_pos_emb"
"""What transformers calls the function in the module of every model that has one."""
_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
_ROTARY_SHAPES = [(2, 4, 3, 8), (2, 2, 3, 8), (2, 3, 8), (2, 3, 8)]


class _Kernel(Protocol):
    width: int

    def fits(self, hidden: Tensor, /) -> bool: ...

    def __call__(self, hidden: Tensor, /) -> Tensor: ...


class Replacements:
    """Gives modules of a model a forward of their own; no class and no function of a library is changed.

    Attributes:
        modules: The norms and gated layers that have one.
        left: Why modules that look like one could not be tried, by the name of their class.
    """

    def __init__(self, trunk: nn.Module) -> None:
        self.modules = list[nn.Module]()
        self.left = dict[str, str]()
        self._given = list[tuple[nn.Module, Any]]()
        self._switches = list[_Either]()
        for module in trunk.modules():
            own = vars(module).get("forward")
            if own is not None:  # where a library wraps a module, it is left to it
                self.modules.extend([module] if isinstance(own, _Either) else [])
                continue
            kernel = self._kernel(module)
            if kernel is not None:
                self.modules.append(module)
                self._give(module, self._either(module.forward, kernel, kernel.fits, inputs=1))
            else:
                self._rotate(module)

    def remove(self) -> None:
        """Let every module compute as its class does, even one that a library has wrapped since."""
        for switch in self._switches:
            switch.on = False
        for module, forward in self._given:
            if vars(module).get("forward") is forward:
                del module.forward

    def _give(self, module: nn.Module, forward: Any) -> None:
        module.forward = forward
        self._given.append((module, forward))

    def _either(self, *args: Any, inputs: int) -> _Either:
        self._switches.append(_Either(*args, inputs=inputs))
        return self._switches[-1]

    def _kernel(self, module: nn.Module) -> _Kernel | None:
        for kind in (RMSNormKernel, GatedMLPKernel, AdaptedLinearKernel):
            try:
                kernel: _Kernel = kind(module)
                fits = kernel.fits(torch.empty(2, 3, kernel.width))
            except Exception:  # noqa: BLE001, S112 - foreign attributes may raise anything; such a module is none of ours
                continue
            if not fits:
                continue
            reason = _further_inputs(module) or disagreement(module.forward, kernel, [(2, 3, kernel.width)])
            if reason is None:
                return kernel
            if reason:
                self.left[type(module).__name__] = reason
        return None

    def _rotate(self, attention: nn.Module) -> None:
        """Replace the rotary function that an attention's forward calls, if that one rotates by halves."""
        forward = type(attention).forward
        if not isinstance(forward, FunctionType) or _ROTARY not in forward.__code__.co_names:
            return
        own: Any = forward.__globals__.get(_ROTARY)
        reason = disagreement(own, rotate, _ROTARY_SHAPES)
        if reason:
            self.left[f"rotation of {type(attention).__name__}"] = reason
        if reason is not None:
            return
        names = {**forward.__globals__, _ROTARY: self._either(own, rotate, rotates_whole, inputs=4)}
        copy = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
        copy.__kwdefaults__ = forward.__kwdefaults__
        self._give(attention, MethodType(copy, attention))


class _Either:
    """The kernel for fp32 input that fits, the module's own way for all else."""

    def __init__(
        self, own: Callable[..., Any], kernel: Callable[..., Any], fits: Callable[..., bool], *, inputs: int
    ) -> None:
        self._own, self._kernel, self._fits, self._inputs = own, kernel, fits, inputs
        self.on = True

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        plain = self.on and not named and len(inputs) == self._inputs and not torch.is_autocast_enabled("cpu")
        if plain and all(type(x) is Tensor and x.dtype == torch.float32 for x in inputs) and self._fits(*inputs):
            return self._kernel(*inputs)
        return self._own(*inputs, **named)


def _further_inputs(module: nn.Module) -> str | None:
    """Return what a forward takes beside its first input, as the reason to leave it alone."""
    try:
        first, *further = inspect.signature(module.forward).parameters.values()
    except ValueError:  # it takes nothing, or has no signature
        return "takes no input that is known"
    if first.kind not in {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}:
        return f"takes {first}"
    named = [parameter.name for parameter in further if parameter.kind not in _VARIADIC]
    return f"takes {' and '.join(named)}, too" if named else None
