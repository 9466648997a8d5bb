"""Our side: ``align`` with an ordinary configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

import upo_sdk.training.trainer  # noqa: F401 - belongs to the loaded process
from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import StepLogged

if TYPE_CHECKING:
    from benchmarks.throughput.meter import Meter
    from benchmarks.throughput.sides import Side, Spec
    from upo_sdk.events import Event

__all__ = ["run"]


class _Watch:
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def on_event(self, event: Event, /) -> None:
        if isinstance(event, StepLogged):
            self._meter.step(event.metrics["loss"])
        elif not self._meter.losses:
            self._meter.prepared()


def run(side: Side, spec: Spec, meter: Meter) -> None:
    """Train and save."""
    training = {
        "learning_rate": spec.learning_rate,
        "lr_scheduler_type": "constant",
        "optim": spec.optimizer,
        "per_device_train_batch_size": spec.batch_size,
        "per_device_eval_batch_size": spec.batch_size,
        "gradient_checkpointing": side.checkpointing,
        "bf16": torch.cuda.is_available(),
        "logging_steps": 1,
        "seed": spec.seed,
        "train_sampling_strategy": "sequential",
        **spec.settings,
    }
    config = build_config(
        {
            "model": spec.model,
            "data": {"path": spec.rows, "max_length": spec.max_length},
            "objectives": list(side.objectives),
            "loss": {"gate_steps": 0},
            "training": training,
            "lora": {"use_peft": side.lora},
            "eval_prompts": 0,
            "output_dir": str(Path(spec.output)),
        }
    )
    align(config, callbacks=[_Watch(meter)])
