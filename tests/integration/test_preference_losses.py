"""Every preference loss trains, beside an auxiliary objective, on a small real model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from upo_plugins.dpo.objective import LOSSES
from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import StepLogged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event

pytestmark = pytest.mark.usefixtures("no_report")

OBJECTIVES = [
    *(f"dpo,loss_type={name}" for name in LOSSES),
    "dpo,f_divergence_type=js_divergence",
    "dpo,ld_alpha=0.5,use_weighting=true",
    "kto,loss_type=apo_zero_unpaired",
    "simpo",
    "cpo",
    "orpo",
    "sft,average=batch",
]


class Losses:
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_event(self, event: Event, /) -> None:
        if isinstance(event, StepLogged):
            self.values.append(event.metrics["loss"])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_trains(objective: str, model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path) -> None:
    losses = Losses()
    settings = {
        "model": str(model_folder("llama")),
        "data": str(pairs_file),
        "objectives": [objective, "length:0.5,target=8"],
        "loss": {"gate_steps": 1},
        "training": {"max_steps": 2, "per_device_train_batch_size": 4, "logging_steps": 1},
        "output_dir": str(tmp_path / "run"),
    }
    result = align(build_config(settings), callbacks=[losses])
    assert len(losses.values) == 2
    assert all(map(math.isfinite, losses.values))
    assert (result.output_dir / "model.safetensors").is_file()
