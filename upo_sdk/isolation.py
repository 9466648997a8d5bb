"""Runs that do not touch each other, nor the process they run in."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers.utils import logging as transformers_logging

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["isolated"]

_TAKING_TURNS = threading.Lock()
"""transformers and accelerate keep random and gradient state per process, so runs in one process take turns."""


@contextmanager
def isolated() -> Generator[None]:
    """Wait for other runs of this process; put random states and transformers' progress bars back afterwards."""
    with _TAKING_TURNS, _own_random_state(), _no_progress_bars():
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


@contextmanager
def _no_progress_bars() -> Generator[None]:
    """Keep transformers' bars off the terminal; progress is told by events."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of transformers
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # of transformers
