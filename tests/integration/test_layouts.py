"""The layout of a batch changes how fast a run is, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import Notice, StepLogged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event


def run(settings: dict[str, Any]) -> tuple[list[float], list[str]]:
    """Return the losses of all steps and the notices."""
    losses, notices = list[float](), list[str]()

    class Watch:
        def on_event(self, event: Event, /) -> None:
            if isinstance(event, StepLogged):
                losses.append(event.metrics["loss"])
            if isinstance(event, Notice):
                notices.append(event.text)

    align(build_config(settings), callbacks=[Watch()])
    return losses, notices


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("objective", ["dpo", "kto"])
def test_fifty_steps_have_the_same_loss_curve_in_the_fast_and_in_the_padded_layout(
    objective: str, model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    curves = {}
    for layout in ("auto", "padded"):
        settings = {
            "model": str(model_folder("llama")),
            "data": str(pairs_file),
            "objectives": [objective, "length:0.5,target=8"],
            "loss": {"gate_steps": 5, "baseline": "none"},
            "training": {
                "max_steps": 50,
                "learning_rate": 1e-4,
                "per_device_train_batch_size": 4,
                "logging_steps": 1,
                "layout": layout,
            },
            "output_dir": str(tmp_path / layout),
        }
        curves[layout], notices = run(settings)
        chosen = "prefix-packed" if layout == "auto" else "padded"
        assert [text for text in notices if text.startswith(f"layout {chosen}: ")]
    assert len(curves["auto"]) == 50
    assert curves["auto"][6] - curves["auto"][-1] > 0.01  # after the gate, something is learnt
    assert curves["auto"] == pytest.approx(curves["padded"], abs=1e-4)
