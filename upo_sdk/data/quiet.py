"""Keep the progress bars of ``datasets`` off the terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["no_progress_bars"]


@contextmanager
def no_progress_bars() -> Generator[None]:
    """Keep the bars of ``datasets`` off for a while; the library has no setting per call."""
    from datasets.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
