"""Runs that do not touch each other, nor the process they run in."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch

from upo_sdk.progress_bars import hidden_progress_bars

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["isolated"]

_TAKING_TURNS = threading.Lock()
"""transformers and accelerate keep random and gradient state per process, so runs in one process take turns."""


@contextmanager
def isolated() -> Generator[None]:
    """Wait for other runs of this process; put random states and transformers' progress bars back afterwards."""
    with _TAKING_TURNS, _own_random_state(), hidden_progress_bars("transformers"):
        yield


@contextmanager
def _own_random_state() -> Generator[None]:
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what transformers seeds
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
