"""Run folders as models to evaluate: what they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.config import build_config, read_config_file
from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from upo_sdk.config import RunConfig

__all__ = ["read_run_config", "run_folder_of"]


def run_folder_of(model: str) -> Path | None:
    """Return the run folder that a model's folder is, or of which it is a checkpoint; None of any other model.

    Raises:
        ModelError: The run has not finished and holds no model.
    """
    folder = Path(model)
    if (folder / RESOLVED_CONFIG).is_file():
        _check_holds_model(folder)
        return folder
    if (folder.absolute().parent / RESOLVED_CONFIG).is_file() and (folder / "trainer_state.json").is_file():
        return folder.absolute().parent
    return None


def read_run_config(folder: Path) -> RunConfig:
    """Read the configuration of a run folder.

    Raises:
        UPOError: It cannot be read.
    """
    path = folder / RESOLVED_CONFIG
    return build_config(read_config_file(path), where=str(path))


def _check_holds_model(folder: Path) -> None:
    if (folder / "config.json").is_file():
        return
    checkpoints = sorted(entry.name for entry in folder.glob("checkpoint-*"))
    raise ModelError(
        "the run has not finished: there is no model in its folder",
        where=str(folder),
        fix=f"finish it with `resume_from_checkpoint=last`, or evaluate {folder / checkpoints[-1]}"
        if checkpoints
        else "run it again",
    )
