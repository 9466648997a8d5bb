"""Which parts of a model are computed leanly: those that a probe shows to be what they look like."""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from upo_sdk.policy.lean.gated_mlp import LeanGatedMLP
from upo_sdk.policy.lean.rms_norm import LeanNorm
from upo_sdk.policy.lean.rotary import rotate, rotates_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transformers import PreTrainedModel

__all__ = ["make_lean"]

_ROTARY = "apply_rotary_pos_emb"
"""What transformers calls the function in the module of every model that has one."""


class _Lean(Protocol):
    width: int

    def fits(self, hidden: Tensor, /) -> bool: ...

    def __call__(self, hidden: Tensor, /) -> Tensor: ...


def make_lean(lm: PreTrainedModel) -> list[nn.Module]:
    """Let norms, gated layers and rotary embeddings of a model in fp32 on a CPU take fewer passes over memory.

    Returns:
        The norms and gated layers that do.
    """
    if lm.device.type != "cpu":
        return []
    found = list[nn.Module]()
    for module in lm.base_model.modules():
        own = vars(module).get("forward")  # where a library wraps a module, it is left to it
        lean = _lean(module) if own is None else None
        if lean is not None:
            module.forward = _Either(module.forward, lean, lean.fits)
        if lean is not None or isinstance(own, _Either):
            found.append(module)
        if own is None:
            _rotate_leanly(module)
    return found


class _Either:
    """The lean way for fp32 that fits, the module's own for all else."""

    def __init__(self, own: Callable[..., Any], lean: Callable[..., Any], fits: Callable[..., bool]) -> None:
        self._own, self._lean, self._fits = own, lean, fits

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        plain = not named and not torch.is_autocast_enabled("cpu")
        if plain and all(tensor.dtype == torch.float32 for tensor in inputs) and self._fits(*inputs):
            return self._lean(*inputs)
        return self._own(*inputs, **named)


def _lean(module: nn.Module) -> _Lean | None:
    for kind in (LeanNorm, LeanGatedMLP):
        try:
            lean: _Lean = kind(module)
        except (AttributeError, ValueError, TypeError):
            continue
        shape = (2, 3, lean.width)
        if lean.fits(torch.empty(shape)) and _same(module.forward, lean, [shape]):
            return lean
    return None


def _rotate_leanly(attention: nn.Module) -> None:
    """Give an attention's forward a rotary function of its own, if the one that it calls rotates by halves."""
    forward = type(attention).forward
    if not isinstance(forward, FunctionType) or _ROTARY not in forward.__code__.co_names:
        return
    own = forward.__globals__[_ROTARY]
    if not _same(own, rotate, [(2, 4, 3, 8), (2, 2, 3, 8), (2, 3, 8), (2, 3, 8)]):
        return
    names = {**forward.__globals__, _ROTARY: _Either(own, rotate, rotates_whole)}
    copy = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
    copy.__kwdefaults__ = forward.__kwdefaults__
    attention.forward = MethodType(copy, attention)


@torch.no_grad()
def _same(own: Callable[..., Any], lean: Callable[..., Any], shapes: list[tuple[int, ...]]) -> bool:
    """Return whether two functions agree on random input."""
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=generator) for shape in shapes]
    try:
        pairs = list(zip(_tensors(own(*inputs)), _tensors(lean(*inputs)), strict=True))
    except Exception:  # noqa: BLE001 - what a module does with input that it does not know has no common type
        return False
    return all(torch.allclose(theirs, ours, rtol=1e-4, atol=1e-5) for theirs, ours in pairs)


def _tensors(result: Any) -> Iterator[Tensor]:
    yield from [result] if isinstance(result, Tensor) else result
