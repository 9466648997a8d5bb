"""Restores the optimizer settings of this run after a checkpoint has loaded older ones."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["Hyperparameters"]

_CONSTANT = ("weight_decay", "betas", "eps", "momentum")
"""What no optimizer changes by itself. Some keep counts and step sizes in their groups, which are state."""


class Hyperparameters:
    """The settings of an optimizer and of its schedule; make it before a checkpoint is loaded into them.

    A state that torch loads brings its own learning rate and decay, so a change that was allowed would do nothing.

    Args:
        optimizer: As the settings of this run make it.
        schedule: Its schedule, or None if its learning rate is constant.
    """

    def __init__(self, optimizer: Any, schedule: Any = None) -> None:
        kept = _CONSTANT if schedule else (*_CONSTANT, "lr")
        self._groups = [{name: group[name] for name in kept if name in group} for group in optimizer.param_groups]
        self._base_lrs = list(schedule.base_lrs) if isinstance(schedule, LambdaLR) else []

    def put_back(self, optimizer: Any, schedule: Any = None) -> None:
        """Set them again; where they are those of the checkpoint, that changes no bit."""
        for group, own in zip(optimizer.param_groups, self._groups, strict=True):
            group.update(own)
        if not isinstance(schedule, LambdaLR):
            return
        schedule.base_lrs = list(self._base_lrs)
        rates = [
            base * factor(schedule.last_epoch) for base, factor in zip(self._base_lrs, schedule.lr_lambdas, strict=True)
        ]
        for group, base, rate in zip(optimizer.param_groups, self._base_lrs, rates, strict=True):
            group["initial_lr"] = base
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        schedule.__dict__["_last_lr"] = rates  # what is logged; it has no public name
