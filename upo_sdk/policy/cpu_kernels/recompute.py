"""What is cheap to compute is not kept for the backward pass: results of norms, activations and gates."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from upo_sdk.policy.cpu_kernels.projection import is_adapted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from weakref import ReferenceType

    from torch.utils.hooks import RemovableHandle
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
        replaced: Modules of it that compute without calling their parts; these get no hooks.

    Attributes:
        left: Why modules are not computed again, by the name of their class.
    """

    def __init__(self, lm: PreTrainedModel, replaced: Iterable[nn.Module] = ()) -> None:
        self.left = dict[str, str]()
        self._known = dict[int, _Known]()
        self._trusted = WeakKeyDictionary[nn.Module, bool]()
        self._kept = dict[Any, _Recipe | _Input]()
        self._last: tuple[_Recipe, Tensor] | None = None
        self._active = False
        self._autocast = torch.autocast(lm.device.type, enabled=False)
        self._hooks: list[RemovableHandle] = []
        uncalled = {part for module in replaced for part in module.modules() if part is not module}
        for module in lm.base_model.modules():
            if _is_cheap(module):
                self._hooks.append(module.register_forward_hook(self._note_module, with_kwargs=True))
            elif (isinstance(module, nn.Linear) or is_adapted(module)) and module not in uncalled:
                self._hooks.append(module.register_forward_pre_hook(self._note_product))

    def remove(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()

    @contextmanager
    def forward(self, device: torch.device) -> Generator[None]:
        """Keep recipes for the backward pass of what is computed inside.

        The first result of every module is compared with its recipe's; a module for which they differ, because it
        reads more than its input, is kept as it is from then on.
        """
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

    def _note_module(self, module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        if not self._active or named or len(inputs) != 1 or self._trusted.get(module) is False:
            return
        given = inputs[0]
        if not isinstance(output, Tensor) or not output.requires_grad or not isinstance(given, Tensor):
            return
        if output.data_ptr() == given.data_ptr():
            return
        if module not in self._trusted:
            self._trusted[module] = self._gives_again(module, given, output)
        if self._trusted[module]:
            self._learn(output, module.forward, (_Input(given),))

    def _gives_again(self, module: nn.Module, given: Tensor, output: Tensor) -> bool:
        recipe = _Recipe(module.forward, (_Input(given),), self._autocast)
        try:
            with torch.random.fork_rng(devices=[]):
                again = recipe()
            same = again.shape == output.shape and torch.allclose(again, output, rtol=1e-3, atol=1e-6, equal_nan=True)
        except Exception as error:  # noqa: BLE001 - what a module does when it is called again has no common type
            self.left[type(module).__name__] = f"cannot be called again: {type(error).__name__}"
            return False
        if not same:
            self.left[type(module).__name__] = "computes something else when it is called again"
        return same

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
    if any(True for _ in module.buffers()):  # it may count what it sees
        return False
    return kind.__module__ in _ACTIVATIONS or kind.__name__.endswith("Norm")
