"""What a plan says of an adapter before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError, UPOError
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.plan import RunPlan

pytest.importorskip("peft")


@pytest.fixture
def plan(model_folder: Callable[[str], Path], pairs_file: Path) -> Callable[..., RunPlan]:
    def make(**settings: Any) -> RunPlan:
        config = build_config({"model": str(model_folder("llama")), "data": str(pairs_file), **settings})
        return make_plan(config, load_registry())

    return make


def test_it_counts_what_is_trained(plan: Callable[..., RunPlan]) -> None:
    whole, adapter = plan(), plan(lora={"use_peft": True, "r": 2, "target_modules": ["q_proj"]})
    assert whole.trainable == whole.parameters == adapter.parameters
    assert adapter.trainable == 2 * (2 * 32 + 2 * 32)  # of two layers: two matrices of 2 x 32
    assert adapter.memory.total < whole.memory.total


def test_a_rate_for_all_weights_is_warned_of(plan: Callable[..., RunPlan]) -> None:
    assert any("hardly changes an adapter" in text for text in plan(lora={"use_peft": True}).warnings)
    usual = plan(lora={"use_peft": True}, training={"learning_rate": 1e-4})
    assert not any("adapter" in text for text in usual.warnings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lora": {"use_peft": True, "target_modules": ["q_prj"]}}, "no module 'q_prj'"),
        ({"model": {"load_in_4bit": True}}, "cannot be trained themselves"),
        ({"model": {"load_in_8bit": True}, "lora": {"use_peft": True}}, "need the package bitsandbytes"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    settings: dict[str, Any],
    said: str,
    model_folder: Callable[[str], Path],
    plan: Callable[..., RunPlan],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("upo_sdk.plan.adapter.find_spec", lambda _name: None)
    model = {"path": str(model_folder("llama")), **settings.pop("model", {})}
    with pytest.raises(ConfigError, match=said):
        plan(**settings, model=model)


def test_the_package_that_is_missing_is_named(plan: Callable[..., RunPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_sdk.policy.adapter.find_spec", lambda _name: None)
    with pytest.raises(UPOError) as caught:
        plan(lora={"use_peft": True})
    assert "pip install 'upo-sdk[peft]'" in str(caught.value.fix)
