"""Runs that do not touch each other, nor the process they run in; progress is reported by events, not by bars."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["hidden_progress_bars", "isolated"]

_TAKING_TURNS = threading.Lock()
"""transformers and accelerate keep random and gradient state per process, so runs in one process take turns."""


@contextmanager
def isolated() -> Generator[None]:
    """Wait for other runs of this process; put random states and transformers' progress bars back afterwards."""
    with _TAKING_TURNS, _own_random_state(), hidden_progress_bars("transformers"):
        yield


@contextmanager
def _own_random_state() -> Generator[None]:
    import numpy as np
    import torch

    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what transformers seeds
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


@contextmanager
def hidden_progress_bars(library: Literal["datasets", "huggingface_hub", "transformers"]) -> Generator[None]:
    """Keep the bars of a library off for a while; it has no setting per call, and the caller's is put back."""
    utils: Any = import_module(f"{library}.utils")
    if library == "transformers":
        shown = utils.logging.is_progress_bar_enabled()
        hide, show = utils.logging.disable_progress_bar, utils.logging.enable_progress_bar
    else:
        shown = not utils.are_progress_bars_disabled()
        hide, show = utils.disable_progress_bars, utils.enable_progress_bars
    if shown:
        hide()
    try:
        yield
    finally:
        if shown:
            show()
