"""Dropout of a model, wherever its modules keep the rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

__all__ = ["disable_dropout", "has_dropout", "has_own_dropout"]


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout rate of the modules to zero; the saved configuration keeps its own."""
    for module, name in list(_rates(model)):
        setattr(module, name, 0.0)


def has_dropout(model: nn.Module) -> bool:
    """Return whether any dropout rate of the modules is above zero."""
    return any(getattr(module, name) > 0 for module, name in _rates(model))


def has_own_dropout(model: nn.Module) -> bool:
    """Return the same without that of an adapter, which stands in front of linear layers only."""
    of_adapter = {
        part for name, module in model.named_modules() if name.endswith("lora_dropout") for part in module.modules()
    }
    return any(getattr(module, name) > 0 for module, name in _rates(model) if module not in of_adapter)


def _rates(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    for module in model.modules():
        of_dropout = "Dropout" in type(module).__name__
        for name, value in vars(module).items():
            if isinstance(value, float) and ("drop" in name or (name == "p" and of_dropout)):
                yield module, name
