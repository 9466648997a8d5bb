"""What is given is used or named: a setting beside which another one decides is not ignored in silence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError
from upo_sdk.plan.unused_settings import check_used, unused_settings

PREFERENCE: Any = SimpleNamespace(is_preference=True)
AUXILIARY: Any = SimpleNamespace(is_preference=False)
HELD_OUT: Any = SimpleNamespace(eval=object())
NO_HELD_OUT: Any = SimpleNamespace(eval=None)


def unused(settings: dict[str, Any], *, auxiliary: bool = False, held_out: bool = True) -> list[str]:
    config = build_config(settings)
    objectives = [PREFERENCE, *([AUXILIARY] if auxiliary else [])]
    return unused_settings(config, config, objectives, HELD_OUT if held_out else NO_HELD_OUT)


@pytest.mark.parametrize(
    ("settings", "auxiliary", "said"),
    [
        (
            {"loss": {"lambda": 3.0, "gate_steps": 7}},
            False,
            "`loss.lambda`, `loss.gate_steps` have no effect: no auxiliary objective has a weight",
        ),
        ({"loss": {"gate_steps": 7}}, False, "`loss.gate_steps` has no effect: no auxiliary objective has a weight"),
        (
            {"loss": {"baseline": "none", "value_learning_rate": 0.1, "expectile": 0.6}},
            True,
            "`loss.value_learning_rate`, `loss.expectile` have no effect: the baseline 'none' has no value head",
        ),
        (
            {"training": {"max_steps": 3, "num_train_epochs": 2}},
            True,
            "`training.num_train_epochs` has no effect: `training.max_steps`",
        ),
        (
            {"training": {"tokens_per_batch": 64, "per_device_train_batch_size": 2}},
            True,
            "`training.per_device_train_batch_size` has no effect: `training.tokens_per_batch`",
        ),
        ({"training": {"save_total_limit": 2}}, True, "`training.save_total_limit` has no effect: no checkpoints"),
        ({"training": {"arguments": {"eval_delay": 2}}}, True, "`training.arguments.eval_delay` has no effect"),
        ({"training": {"arguments": {"greater_is_better": True}}}, True, "the schedule 'linear' does not look at"),
        ({"training": {"arguments": {"fsdp_config": {}}}}, True, "no `training.arguments.fsdp`"),
        ({"training": {"arguments": {"run_name": "x"}}}, True, "`training.report_to` names no tracker"),
        ({"eval_max_new_tokens": 9}, True, "`eval_max_new_tokens` has no effect: no answers are compared"),
        ({"hub_samples": True}, True, "`hub_samples` has no effect: nothing is pushed"),
        (
            {"model": {"path": ".", "revision": "main"}},
            True,
            "`model.revision` has no effect: the model is a local folder",
        ),
    ],
)
def test_a_setting_that_another_one_makes_void_is_named_with_the_reason(
    settings: dict[str, Any],
    auxiliary: bool,  # noqa: FBT001 - a column of the table
    said: str,
) -> None:
    (sentence,) = unused(settings, auxiliary=auxiliary)
    assert sentence.startswith(said) or said in sentence


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": {"lambda": 3.0, "gate_steps": 7, "value_learning_rate": 0.1, "expectile": 0.6}},
        {"loss": {"baseline": "none", "scale": "balanced", "expectile": 0.6}},
        {"training": {"num_train_epochs": 2, "per_device_train_batch_size": 2}},
        {"training": {"save_steps": 5, "save_total_limit": 2, "eval_steps": 5, "arguments": {"eval_delay": 2}}},
        {"eval_prompts": 5, "eval_max_new_tokens": 9},
        {"model": {"path": "org/name", "revision": "main"}},
    ],
)
def test_settings_that_have_an_effect_are_not_mentioned(settings: dict[str, Any]) -> None:
    assert unused(settings, auxiliary=True) == []


def test_a_configuration_with_every_default_written_out_has_nothing_unused() -> None:
    written = build_config({}).model_dump(by_alias=True)
    assert unused(written) == []


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"training": {"eval_steps": 5}}, "`training.eval_steps`"),
        ({"training": {"arguments": {"eval_on_start": True}}}, "`training.arguments.eval_on_start`"),
        ({"training": {"arguments": {"eval_delay": 3}}}, "`training.arguments.eval_delay`"),
    ],
)
def test_an_evaluation_without_held_out_data_is_refused(settings: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match="no held-out data") as caught:
        check_used(build_config(settings), NO_HELD_OUT)
    assert caught.value.where == where
    assert "`data.eval_fraction=0.1`" in (caught.value.fix or "")
    check_used(build_config(settings), HELD_OUT)
