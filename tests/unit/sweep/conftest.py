from __future__ import annotations

from typing import Any

import pytest

from upo_sdk.config import build_config
from upo_sdk.plugin.registry import load_registry
from upo_sdk.sweep import SweepConfig
from upo_sdk.sweep.points import Grid, make_grid


class GridMaker:
    """Makes the grid of some objectives."""

    def __call__(self, *objectives: str, base: dict[str, Any] | None = None, **settings: Any) -> Grid:
        return make_grid(SweepConfig(base=build_config(base or {}), objectives=objectives, **settings), load_registry())


@pytest.fixture
def grid() -> GridMaker:
    return GridMaker()
