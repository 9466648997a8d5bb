"""Which weights are trained: all of them, or an adapter's; checked on a model without weights."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import ConfigError
from upo_sdk.policy.adapter import add_adapter, base_of, is_adapter, settings_of_adapter

if TYPE_CHECKING:
    from upo_sdk.config import ModelConfig, RunConfig

__all__ = ["low_adapter_rate", "with_adapter"]

_USUAL_RATE = 1e-5
"""An adapter learns with rates about ten times those of all weights."""


def with_adapter(config: RunConfig, model: ModelConfig, skeleton: Any, notices: list[str]) -> RunConfig:
    """Put the adapter into the skeleton, and return the configuration with the settings of one that is trained further.

    Raises:
        ConfigError: A package is missing, the model has no such modules, or quantised weights would be trained.
        ModelError: A saved adapter cannot be trained further.
    """
    if model.is_quantized:
        _check_quantized(config, model)
    lora = config.lora
    if is_adapter(model.path):
        base = base_of(model).path
        if lora.use_peft:
            lora = settings_of_adapter(model.path, lora)
            notices.append(f"the adapter in {model.path} is trained further (r {lora.r}); its model is {base}")
        else:
            notices.append(
                f"the adapter in {model.path} is merged into its model {base}, and all weights are trained; to train "
                "the adapter, add `lora.use_peft=true`"
            )
    if lora.use_peft:
        add_adapter(skeleton, lora, seed=0)
    return config.model_copy(update={"lora": lora})


def low_adapter_rate(config: RunConfig) -> str | None:
    """Return a warning if an adapter would hardly change."""
    rate = config.training.learning_rate
    if not config.lora.use_peft or rate >= _USUAL_RATE:
        return None
    return (
        f"a learning rate of {rate:g} hardly changes an adapter: ten times that of all weights is usual, for example "
        "`training.learning_rate=1e-4`"
    )


def _check_quantized(config: RunConfig, model: ModelConfig) -> None:
    setting = "`model.load_in_4bit`" if model.load_in_4bit else "`model.load_in_8bit`"
    if not config.lora.use_peft:
        raise ConfigError(
            "quantised weights are rounded and cannot be trained themselves",
            where=setting,
            fix="train an adapter on them: add `lora.use_peft=true`; or leave it out",
        )
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "quantised weights need the package bitsandbytes", where=setting, fix="pip install 'upo-sdk[quant]'"
        )
