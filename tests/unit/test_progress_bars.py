"""Bars of libraries: off while our own are shown, and afterwards as the caller had them."""

from __future__ import annotations

from typing import Any

import datasets.utils
import huggingface_hub.utils
import pytest
from transformers.utils import logging

from upo_sdk.isolation import hidden_progress_bars

SWITCHES = {
    "datasets": (
        lambda: not datasets.utils.are_progress_bars_disabled(),
        datasets.utils.enable_progress_bars,
        datasets.utils.disable_progress_bars,
    ),
    "huggingface_hub": (
        lambda: not huggingface_hub.utils.are_progress_bars_disabled(),
        huggingface_hub.utils.enable_progress_bars,
        huggingface_hub.utils.disable_progress_bars,
    ),
    "transformers": (logging.is_progress_bar_enabled, logging.enable_progress_bar, logging.disable_progress_bar),
}


@pytest.mark.parametrize("library", SWITCHES)
@pytest.mark.parametrize("before", [True, False])
def test_bars_are_off_for_a_while_and_then_as_they_were(library: Any, *, before: bool) -> None:
    shown, enable, disable = SWITCHES[library]
    had = shown()
    try:
        (enable if before else disable)()
        with hidden_progress_bars(library):
            assert not shown()
        assert shown() is before
    finally:
        (enable if had else disable)()
