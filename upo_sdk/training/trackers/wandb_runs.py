"""Weights & Biases: online if there is a key, else offline in ``wandb`` of the run folder; it never asks."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from upo_sdk.training.trackers.place import PROJECT

if TYPE_CHECKING:
    from collections.abc import Generator

    from transformers import TrainerCallback

    from upo_sdk.training.trackers.place import Place

__all__ = ["opened"]

_NOT_SENT = {"offline", "dryrun", "disabled"}


@contextmanager
def opened(place: Place) -> Generator[TrainerCallback]:
    """Start a run; one that the caller started is used, and left open."""
    import wandb

    integrations: Any = import_module("transformers.integrations")
    if wandb.run is not None:
        yield integrations.WandbCallback()
        return
    hooks, is_first = (sys.exit, sys.excepthook), "WANDB_SERVICE" not in os.environ  # wandb replaces both for good
    run = _start(place)
    try:
        yield integrations.WandbCallback()
    except BaseException:
        run.finish(exit_code=1)
        raise
    else:
        run.finish()
    finally:
        sys.exit, sys.excepthook = hooks
        if is_first:
            wandb.teardown()


def _start(place: Place) -> Any:
    wandb: Any = import_module("wandb")

    settings = wandb.Settings(console="off", silent=True)
    wandb.setup(settings)
    mode = os.environ.get("WANDB_MODE", "online")
    if mode not in _NOT_SENT and not wandb.login(prompt=False):
        mode = "offline"
        place.notify("info", f"wandb: no API key, so the run is recorded offline; later: wandb sync {_folders(place)}")
    about: dict[str, Any] = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": os.environ.get("WANDB_NAME", place.name),
        "dir": str(place.folder),
        "config": dict(place.config),
        "settings": settings,
    }
    try:
        run = wandb.init(mode=mode, **about)
    except wandb.errors.Error as error:  # a tracker out of reach is no reason to lose a run
        place.notify("warning", f"wandb: {error}; the run is recorded offline; later: wandb sync {_folders(place)}")
        return wandb.init(mode="offline", **about)
    if run.url:
        place.notify("info", f"wandb: {run.url}")
    return run


def _folders(place: Place) -> str:
    return str(place.folder / "wandb" / "offline-run-*")
