"""Checks of a judge that need no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.config import ModelConfig, ObjectiveRef
from upo_sdk.errors import ModelError
from upo_sdk.evaluation.judge.template import read_template
from upo_sdk.http.key import Key

if TYPE_CHECKING:
    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.plugin.registry import Registry

__all__ = ["check_judge"]


def check_judge(config: JudgeConfig, registry: Registry | None = None) -> None:
    """Check the template, the key's variable, the options of a reward model, and that a language model exists.

    Nothing is sent, and no weights are loaded.

    Args:
        config: The judge.
        registry: Loaded plugins, for a reward model; by default the built-ins.

    Raises:
        ConfigError: The template, the variable or an option cannot be used.
        ModelError: There is no such language model.
    """
    read_template(config.template)
    match config.kind:
        case "endpoint":
            Key.from_environment(config.key_env, where="`judge.key_env`")
        case "reward-model":
            _check_reward_model(config.target, registry)
        case "language-model":
            _check_language_model(config.target)


def _check_reward_model(target: str, registry: Registry | None) -> None:
    from upo_sdk.plugin.build import check_options
    from upo_sdk.plugin.registry import load_registry

    check_options(ObjectiveRef.model_validate(target), registry or load_registry())


def _check_language_model(target: str) -> None:
    from upo_sdk.policy.loading import load_model_config

    try:
        load_model_config(ModelConfig(path=target.removeprefix("lm:")))
    except ModelError as error:
        fix = "check the folder or hub name: `judge.target=lm:MODEL` takes a causal language model"
        raise type(error)(error.what, where=target, fix=fix) from error
