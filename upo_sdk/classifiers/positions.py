"""Rotary embeddings that remember: what an earlier, longer sequence leaves behind in a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["forget_lengths"]


def forget_lengths(model: nn.Module) -> None:
    """Let rotary embeddings that grow with the longest sequence ever seen be as they were before any."""
    for module in model.modules():
        own = vars(module)
        for name in [name for name in own if name.endswith("max_seq_len_cached") and "original_max_seq_len" in own]:
            prefix = name.removesuffix("max_seq_len_cached")
            original: Any = getattr(module, f"{prefix}original_inv_freq", None)
            current: Any = getattr(module, f"{prefix}inv_freq", None)
            if original is not None and current is not None and int(own[name]) != own["original_max_seq_len"]:
                setattr(module, f"{prefix}inv_freq", original.to(current.device))
                setattr(module, name, own["original_max_seq_len"])
