"""All kernels of one model, put in and taken out together."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from upo_sdk.policy.cpu_kernels.last_layer import LastLayer
from upo_sdk.policy.cpu_kernels.recompute import Recomputed
from upo_sdk.policy.cpu_kernels.replace import Replacements
from upo_sdk.policy.cpu_kernels.segment_attention import NAME, own_attention

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

__all__ = ["CPUKernels"]


class CPUKernels:
    """Fewer passes over memory, a last layer without positions that nobody reads, and less kept for the backward pass.

    On an accelerator only the last of them is done.

    Args:
        lm: The language model, on its device.
        enabled: False leaves it untouched.
    """

    def __init__(self, lm: PreTrainedModel, *, enabled: bool = True) -> None:
        self._lm = lm
        self.enabled = enabled
        on_cpu = enabled and lm.device.type == "cpu"
        self._replacements = Replacements(lm.base_model) if on_cpu else None
        self._last_layer = LastLayer(lm.base_model) if on_cpu else None
        replaced = self._replacements.modules if self._replacements else []
        self._recomputed = Recomputed(lm, replaced) if enabled else None

    @property
    def left(self) -> dict[str, str]:
        """Why modules that look like something to compute in another way are left as they are, by class."""
        kinds = (self._replacements, self._recomputed)
        return {name: reason for kind in kinds if kind is not None for name, reason in kind.left.items()}

    def keep_less(self, device: torch.device) -> AbstractContextManager[None]:
        """Keep less for the backward pass of what is computed inside."""
        return self._recomputed.forward(device) if self._recomputed else nullcontext()

    def remove(self) -> None:
        """Leave the model as it was."""
        for kind in (self._replacements, self._last_layer, self._recomputed):
            if kind is not None:
                kind.remove()
        config: Any = self._lm.config
        if config._attn_implementation == NAME:  # noqa: SLF001 - it has no other name
            self._lm.set_attn_implementation(own_attention(self._lm))
        self.enabled = False
        self._replacements = self._last_layer = self._recomputed = None
