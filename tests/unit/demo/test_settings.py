from __future__ import annotations

from upo_sdk.demo import settings


def test_the_auxiliary_term_is_on_for_most_of_the_run() -> None:
    assert settings.WARMUP_STEPS < settings.GATE_STEPS < settings.MAX_STEPS / 4
