from __future__ import annotations

import pytest

from upo_sdk.config import ObjectiveRef
from upo_sdk.demo import settings


def test_the_auxiliary_term_is_on_for_most_of_the_run() -> None:
    assert settings.WARMUP_STEPS < settings.GATE_STEPS < settings.MAX_STEPS / 4


@pytest.mark.parametrize(
    ("texts", "gamma"),
    [
        (["toxicity:0.3"], 1),
        (["dpo", "toxicity:0.3"], 1),
        (["toxicity:0.3", "kto"], 0.25),
        (["simpo"], 1),
        (["cpo"], 1.4),
        (["dpo,loss_type=ipo"], 8.9),
        (["dpo,loss_type=sigmoid"], 1),
        (["orpo"], 0.3),
        (["dpo,loss_type=sppo_hard"], None),
        (["dpo", "kto"], None),
    ],
)
def test_gamma_follows_the_pull_of_the_preference_objective(texts: list[str], gamma: float | None) -> None:
    assert settings.gamma_beside(tuple(ObjectiveRef.model_validate(text) for text in texts)) == gamma
