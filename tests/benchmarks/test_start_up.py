from __future__ import annotations

from importlib import import_module
from operator import attrgetter

import pytest

from benchmarks.start_up import PARTS


@pytest.mark.parametrize("target", PARTS.values())
def test_every_part_that_is_timed_exists(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(attrgetter(name)(import_module(module)))
