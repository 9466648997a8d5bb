"""Configuration: typed, frozen, the same object from a file, the command line or code."""

from upo_sdk.config.base import written_name
from upo_sdk.config.evaluation import EvalConfig
from upo_sdk.config.files import (
    build_config,
    build_eval_config,
    build_score_config,
    merge,
    preset,
    presets,
    read_config_file,
    to_yaml,
)
from upo_sdk.config.judge import JudgeConfig
from upo_sdk.config.lora import LoraConfig
from upo_sdk.config.objective_ref import ObjectiveRef
from upo_sdk.config.run_config import RunConfig
from upo_sdk.config.schedule import Schedule
from upo_sdk.config.scoring import ScoreConfig
from upo_sdk.config.sections import DataConfig, LossConfig, ModelConfig, PluginPolicy, TrainingConfig

__all__ = [
    "DataConfig",
    "EvalConfig",
    "JudgeConfig",
    "LoraConfig",
    "LossConfig",
    "ModelConfig",
    "ObjectiveRef",
    "PluginPolicy",
    "RunConfig",
    "Schedule",
    "ScoreConfig",
    "TrainingConfig",
    "build_config",
    "build_eval_config",
    "build_score_config",
    "merge",
    "preset",
    "presets",
    "read_config_file",
    "to_yaml",
    "written_name",
]
