"""Run folders as models to evaluate: what they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.config import build_config, read_config_file
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from upo_sdk.config import RunConfig

__all__ = ["find_run"]

_CONFIG = "config.resolved.yaml"


def find_run(model: str) -> RunConfig | None:
    """Return the configuration of the run that a folder, or the folder of one of its checkpoints, belongs to.

    Raises:
        UPOError: The configuration cannot be read, or the run has not finished and holds no model.
    """
    folder = Path(model)
    if (folder / _CONFIG).is_file():
        if not (folder / "config.json").is_file():
            checkpoints = sorted(entry.name for entry in folder.glob("checkpoint-*"))
            raise ModelError(
                "the run has not finished: there is no model in its folder",
                where=model,
                fix=f"finish it with `resume_from_checkpoint=last`, or evaluate {folder / checkpoints[-1]}"
                if checkpoints
                else "run it again",
            )
        return _read(folder)
    if (folder.absolute().parent / _CONFIG).is_file() and (folder / "trainer_state.json").is_file():
        return _read(folder.absolute().parent)
    return None


def _read(folder: Path) -> RunConfig:
    path = folder / _CONFIG
    return build_config(read_config_file(path), where=str(path))
