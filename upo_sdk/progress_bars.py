"""Keep the progress bars of libraries off the terminal, where ours are: progress is reported by events."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["hidden_progress_bars"]


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
