"""Weights & Biases: online if there is a key, else offline in ``wandb`` of the run folder; it never asks."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from upo_sdk.training.trackers.tracked_run import PROJECT

if TYPE_CHECKING:
    from collections.abc import Generator

    from transformers import TrainerCallback

    from upo_sdk.training.trackers.tracked_run import TrackedRun

__all__ = ["opened"]

_NOT_SENT = {"offline", "dryrun", "disabled"}


@contextmanager
def opened(run: TrackedRun) -> Generator[TrainerCallback]:
    """Start a run; one that the caller started is used, and left open."""
    import wandb

    integrations: Any = import_module("transformers.integrations")
    if wandb.run is not None:
        yield integrations.WandbCallback()
        return
    hooks, is_first = (sys.exit, sys.excepthook), "WANDB_SERVICE" not in os.environ  # wandb replaces both for good
    started = _start(run)
    try:
        yield integrations.WandbCallback()
    except BaseException:
        started.finish(exit_code=1)
        raise
    else:
        started.finish()
    finally:
        sys.exit, sys.excepthook = hooks
        if is_first:
            wandb.teardown()


def _start(run: TrackedRun) -> Any:
    wandb: Any = import_module("wandb")

    settings = wandb.Settings(console="off", silent=True)
    wandb.setup(settings)
    mode = os.environ.get("WANDB_MODE", "online")
    if mode not in _NOT_SENT and not wandb.login(prompt=False):
        mode = "offline"
        run.notify("info", f"wandb: no API key, so the run is recorded offline; later: wandb sync {_folders(run)}")
    about: dict[str, Any] = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": os.environ.get("WANDB_NAME", run.name),
        "dir": str(run.folder),
        "config": dict(run.config),
        "settings": settings,
    }
    try:
        started = wandb.init(mode=mode, **about)
    except wandb.errors.Error as error:  # a tracker out of reach is no reason to lose a run
        run.notify("warning", f"wandb: {error}; the run is recorded offline; later: wandb sync {_folders(run)}")
        return wandb.init(mode="offline", **about)
    if started.url:
        run.notify("info", f"wandb: {started.url}")
    return started


def _folders(run: TrackedRun) -> str:
    return str(run.folder / "wandb" / "offline-run-*")
