"""The last layer leaves out what nobody reads: most positions of a prompt only serve as keys and values there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

__all__ = ["LastLayer"]

_POSITION_WISE = ("mlp", "self_attn.q_proj", "self_attn.o_proj")
"""Parts of a layer, as transformers names them, that compute every position by itself; values and keys do so, too, but
are read by later positions."""


class LastLayer:
    """Lets parts of the last layer compute the positions in ``read_U`` only, wherever the model is given some.

    Elsewhere their result is zero. That is the model's own computation if its last layer is what it looks like, which
    the check of a layout finds out. A model whose layers have other names stays as it is.

    Attention, which gets the positions as a keyword, hands them to the parts by hooks. It comes first in a layer, and
    gets them again where activation checkpointing computes the layer again.
    """

    def __init__(self, trunk: nn.Module) -> None:
        self._read_U: Tensor | None = None
        self._positions = 0
        self._hooks: list[RemovableHandle] = []
        layers = getattr(trunk, "layers", None)
        if not isinstance(layers, nn.ModuleList) or not len(layers):
            return
        parts = dict(layers[-1].named_modules())
        if "self_attn" not in parts:
            return
        self._hooks.append(parts["self_attn"].register_forward_pre_hook(self._start, with_kwargs=True))
        self._hooks.append(layers[-1].register_forward_hook(self._end, always_call=True))
        for part in (parts[name] for name in _POSITION_WISE if name in parts):
            self._hooks.append(part.register_forward_pre_hook(self._take))
            self._hooks.append(part.register_forward_hook(self._put))

    def remove(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()

    def _start(self, _attention: nn.Module, _inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._read_U = named.get("read_U")

    def _end(self, *_: Any) -> None:
        self._read_U = None

    def _take(self, _part: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if self._read_U is None:
            return None
        self._positions = inputs[0].shape[1]
        return (inputs[0].index_select(1, self._read_U), *inputs[1:])

    def _put(self, _part: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if self._read_U is None:
            return None
        whole = output.new_zeros(1, self._positions, output.shape[-1])
        return whole.index_copy_(1, self._read_U, output)
