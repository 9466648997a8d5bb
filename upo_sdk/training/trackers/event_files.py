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

    from upo_sdk.training.trackers.place import Place

__all__ = ["opened"]


@contextmanager
def opened(place: Place) -> Generator[TrainerCallback]:
    """Open the event file; a resumed run hides what was logged after its checkpoint."""
    from torch.utils.tensorboard import SummaryWriter

    folder = os.environ.get("TENSORBOARD_LOGGING_DIR") or str(place.folder / "runs")
    writer = SummaryWriter(folder, purge_step=place.step + 1 if place.step else None)
    writer.add_text("config", f"```json\n{json.dumps(place.config, indent=2, default=str)}\n```")
    integrations: Any = import_module("transformers.integrations")
    yield integrations.TensorBoardCallback(writer)
