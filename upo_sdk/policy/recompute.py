"""What is cheap to compute is not kept for the backward pass: results of norms, activations and gates."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from weakref import ReferenceType

    from transformers import PreTrainedModel

__all__ = ["Recomputed"]

_ACTIVATIONS = ("transformers.activations", "torch.nn.modules.activation")


class _Input:
    """A tensor that is kept, and how often it had been written to."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor, self._version = tensor.detach(), tensor._version  # noqa: SLF001 - the only name of the counter

    def __call__(self) -> Tensor:
        if self._tensor._version != self._version:  # noqa: SLF001 - likewise
            msg = "a tensor that the backward pass computes from was modified in place"
            raise RuntimeError(msg)
        return self._tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Recipe:
    """How to compute a tensor again."""

    function: Callable[..., Tensor]
    inputs: tuple[_Recipe | _Input, ...]
    autocast: torch.autocast

    def __call__(self) -> Tensor:
        with torch.no_grad(), self.autocast:
            return self.function(*(item() for item in self.inputs))


@dataclass(frozen=True, slots=True)
class _Known:
    """A living tensor and its recipe."""

    tensor: ReferenceType[Tensor]
    version: int
    recipe: _Recipe

    def is_whole(self, saved: Tensor) -> bool:
        """Return whether ``saved`` is the tensor, or all of it in another shape, and nobody wrote to it since."""
        own = self.tensor()
        return (
            own is not None
            and own.data_ptr() == saved.data_ptr()
            and own.numel() == saved.numel()
            and own.dtype == saved.dtype
            and own.is_contiguous()
            and saved.is_contiguous()
            and self.version == saved._version  # noqa: SLF001 - views share the counter, which has no other name
        )


@dataclass(frozen=True, slots=True)
class _Packed:
    """What the graph keeps instead of a tensor."""

    recipe: _Recipe
    shape: torch.Size


class Recomputed:
    """Makes the graph of a forward pass keep recipes instead of tensors, where their inputs are kept anyway.

    Known recipes: the result of a norm or an activation module, and the product of two kept tensors that goes into a
    linear layer, as gated layers have it. Modules are recognised by what they are and products by the graph, so that
    any architecture takes part as far as it is made of such parts; values and gradients do not change.

    Args:
        lm: The language model; modules of its trunk get forward hooks.
        lean: Modules of it that compute without calling their parts; these get no hooks.
    """

    def __init__(self, lm: PreTrainedModel, lean: Iterable[nn.Module] = ()) -> None:
        self._known = dict[int, _Known]()
        self._kept = dict[Any, _Recipe | _Input]()
        self._last: tuple[_Recipe, Tensor] | None = None
        self._active = False
        self._autocast = torch.autocast(lm.device.type, enabled=False)
        uncalled = {child for module in lean for child in module.children()}
        for module in lm.base_model.modules():
            if _is_cheap(module):
                module.register_forward_hook(self._note_module)
            elif isinstance(module, nn.Linear) and module not in uncalled:
                module.register_forward_pre_hook(self._note_product)

    @contextmanager
    def forward(self, device: torch.device) -> Generator[None]:
        """Keep recipes for the backward pass of what is computed inside."""
        enabled, dtype = torch.is_autocast_enabled(device.type), torch.get_autocast_dtype(device.type)
        self._autocast = torch.autocast(device.type, dtype=dtype, enabled=enabled)
        self._last, self._active = None, True
        try:
            with saved_tensors_hooks(self._pack, self._unpack):
                yield
        finally:
            self._known.clear()
            self._kept.clear()
            self._active = False

    def _note_module(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not self._active or len(inputs) != 1 or not isinstance(output, Tensor) or not output.requires_grad:
            return
        if output.data_ptr() != inputs[0].data_ptr():
            self._learn(output, module.forward, (_Input(inputs[0]),))

    def _note_product(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not self._active:
            return
        product: Tensor = inputs[0]
        function = product.grad_fn
        if function is None or function.name() != "MulBackward0":
            return
        factors = [self._kept.get(parent) for parent, index in function.next_functions if index == 0]
        if len(factors) == 2 and None not in factors:  # noqa: PLR2004 - of a product
            self._learn(product, torch.mul, tuple(factors))

    def _learn(self, tensor: Tensor, function: Callable[..., Tensor], inputs: tuple[Any, ...]) -> None:
        recipe = _Recipe(function, inputs, self._autocast)
        self._known[tensor.data_ptr()] = _Known(ref(tensor), tensor._version, recipe)  # noqa: SLF001 - see _Known

    def _pack(self, tensor: Tensor) -> Tensor | _Packed:
        known = self._known.get(tensor.data_ptr())
        if known is not None and known.is_whole(tensor):
            packed: Tensor | _Packed = _Packed(known.recipe, tensor.shape)
            kept: _Recipe | _Input = known.recipe
        else:
            packed, kept = tensor.detach(), _Input(tensor)
        if tensor.grad_fn is not None:
            self._kept[tensor.grad_fn] = kept
        return packed

    def _unpack(self, packed: Tensor | _Packed) -> Tensor:
        """Compute a tensor again; the last one is kept, because several projections read the same."""
        if isinstance(packed, Tensor):
            return packed
        if self._last is None or self._last[0] is not packed.recipe:
            self._last = None
            self._last = packed.recipe, packed.recipe()
        return self._last[1].view(packed.shape)


def _is_cheap(module: nn.Module) -> bool:
    """Return whether a module is an activation or a norm."""
    kind = type(module)
    return kind.__module__ in _ACTIVATIONS or kind.__name__.endswith("Norm")
