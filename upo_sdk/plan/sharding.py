"""What every process holds of the weights, gradients and optimizer state, by the engine that trains."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.config import TrainingConfig

__all__ = ["Sharding", "sharding_of"]

_OPTIMIZER, _GRADIENTS, _WEIGHTS = 1, 2, 3
"""The stages of ZeRO (arXiv 1910.02054): what is sharded from that stage on."""


@dataclass(frozen=True, slots=True)
class Sharding:
    """Into how many parts each is divided.

    Attributes:
        bucketed: Whether gradients are held twice: DDP copies them into buckets, which it averages over ranks.
    """

    weights: int = 1
    gradients: int = 1
    optimizer: int = 1
    bucketed: bool = False

    def gathered(self, largest: int) -> int:
        """Return what is put together again to compute with: one module and the next one, by the largest."""
        return 2 * largest if self.weights > 1 else 0


def sharding_of(training: TrainingConfig, ranks: int) -> Sharding:
    """Return what the engine divides, as the configuration or accelerate's launcher asks for it."""
    if ranks == 1:
        return Sharding()
    if training.arguments.get("fsdp") or os.environ.get("ACCELERATE_USE_FSDP") == "true":
        return Sharding(ranks, ranks, ranks)
    stage = _zero_stage(training)
    if stage is None:
        return Sharding(bucketed=True)
    weights, gradients, optimizer = (ranks if stage >= least else 1 for least in (_WEIGHTS, _GRADIENTS, _OPTIMIZER))
    return Sharding(weights, gradients, optimizer)


def _zero_stage(training: TrainingConfig) -> int | None:
    given: Any = training.arguments.get("deepspeed") or os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE")
    if given:
        settings: Mapping[str, Any] = given if isinstance(given, dict) else json.loads(Path(given).read_text("utf-8"))
        return int(settings.get("zero_optimization", {}).get("stage", 0))
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        return int(os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2"))
    return None
