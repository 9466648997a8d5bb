"""Giving memory back that a forward pass has freed, before the backward pass takes its peak."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["return_free_memory"]


def return_free_memory() -> None:
    """Hand what the C library keeps of freed memory back to the system; does nothing where that library is not glibc.

    glibc rarely fits a new tensor into the hole that one of the same size left, because aligned blocks need some bytes
    more. Such holes were a tenth of the growth of a run on a CPU; touching them again takes a few hundredths of a step.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
