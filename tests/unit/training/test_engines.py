from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from upo_sdk.config import TrainingConfig
from upo_sdk.errors import ConfigError
from upo_sdk.training.engines import check_deepspeed, check_engine


def trainer(*, fsdp: Any = None, zero3: bool | None = None) -> Any:
    deepspeed = SimpleNamespace(hf_ds_config=SimpleNamespace(is_zero3=lambda: zero3))
    return SimpleNamespace(
        is_fsdp_enabled=fsdp is not None,
        is_deepspeed_enabled=zero3 is not None,
        args=SimpleNamespace(fsdp=[], deepspeed_plugin=deepspeed),
        accelerator=SimpleNamespace(state=SimpleNamespace(fsdp_plugin=fsdp)),
    )


def plugin(**changes: Any) -> Any:
    right = {"fsdp_version": 2, "state_dict_type": "FULL_STATE_DICT", "cpu_ram_efficient_loading": False}
    return SimpleNamespace(**right | changes)


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"fsdp_version": 1}, "set `fsdp_version: 2`"),
        ({"state_dict_type": "SHARDED_STATE_DICT"}, "set `fsdp_state_dict_type: FULL_STATE_DICT`"),
        ({"cpu_ram_efficient_loading": True}, "set `fsdp_cpu_ram_efficient_loading: false`"),
    ],
)
def test_fsdp_that_cannot_work_is_refused_with_the_setting_to_change(changes: dict[str, Any], fix: str) -> None:
    check_engine(trainer(fsdp=plugin()))
    with pytest.raises(ConfigError) as caught:
        check_engine(trainer(fsdp=plugin(**changes)))
    assert caught.value.fix == fix


def test_fsdp_that_accelerate_would_leave_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    check_engine(trainer())  # left behind by accelerate: nobody launched this process
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="every process would hold the whole model"):
        check_engine(trainer())


def test_zero_3_is_refused_and_zero_2_is_not() -> None:
    check_engine(trainer(zero3=False))
    with pytest.raises(ConfigError, match="ZeRO-3 is not supported"):
        check_engine(trainer(zero3=True))


def test_deepspeed_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    check_deepspeed(TrainingConfig())
    with pytest.raises(ConfigError) as caught:
        check_deepspeed(TrainingConfig(arguments={"deepspeed": "zero2.json"}))
    assert caught.value.where == "`training.arguments.deepspeed`"
