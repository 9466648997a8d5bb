"""The section of an adapter: settings of one that is not trained are an error, written defaults are not."""

from __future__ import annotations

import pytest

from upo_sdk.config import LoraConfig, ModelConfig, RunConfig, build_config
from upo_sdk.errors import ConfigError


def test_a_setting_without_an_adapter_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"lora": {"r": 8}})
    assert caught.value.where == "`lora.r`"
    assert "lora.use_peft=true" in str(caught.value.fix)


def test_a_file_with_every_default_is_read() -> None:
    assert build_config({"lora": LoraConfig().model_dump()}) == RunConfig()


def test_weights_have_one_width() -> None:
    with pytest.raises(ConfigError, match="choose one"):
        build_config({"model": {"path": "x", "load_in_4bit": True, "load_in_8bit": True}})
    assert ModelConfig(path="x", load_in_8bit=True).is_quantized
