from __future__ import annotations

from upo_sdk.config import ObjectiveRef
from upo_sdk.demo import settings


def test_the_objectives_are_dpo_and_toxicity_at_weight_three_tenths() -> None:
    refs = [ObjectiveRef.model_validate(text) for text in settings.OBJECTIVES]
    assert [(ref.name, ref.weight) for ref in refs] == [("dpo", 1.0), ("toxicity", 0.3)]


def test_the_auxiliary_term_is_on_for_most_of_the_run() -> None:
    assert settings.WARMUP_STEPS < settings.GATE_STEPS < settings.MAX_STEPS / 4
