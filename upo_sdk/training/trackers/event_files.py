"""TensorBoard: event files in ``runs`` of the run folder."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

    from transformers import TrainerCallback

    from upo_sdk.training.trackers.tracked_run import TrackedRun

__all__ = ["opened"]


@contextmanager
def opened(run: TrackedRun) -> Generator[TrainerCallback]:
    """Open the event file; a resumed run hides what was logged after its checkpoint."""
    from torch.utils.tensorboard import SummaryWriter

    folder = os.environ.get("TENSORBOARD_LOGGING_DIR") or str(run.folder / "runs")
    writer = SummaryWriter(folder, purge_step=run.step + 1 if run.step else None)
    writer.add_text("config", f"```json\n{json.dumps(run.config, indent=2, default=str)}\n```")
    integrations: Any = import_module("transformers.integrations")
    yield integrations.TensorBoardCallback(writer)
