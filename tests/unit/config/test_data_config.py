from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from upo_sdk.config import RunConfig
from upo_sdk.config.sections import DataConfig


@pytest.mark.parametrize("path", ["pairs.jsonl", Path("pairs.jsonl")])
def test_a_bare_path_is_a_data_section(path: object) -> None:
    assert RunConfig.model_validate({"data": path}).data == DataConfig(path="pairs.jsonl")


@pytest.mark.parametrize(
    "settings",
    [
        {"path": ""},
        {"path": "x", "max_lenght": 3},
        {"path": "x", "eval_fraction": 1.0},
        {"path": "x", "eval_fraction": 0.1, "eval_split": "test"},
        {"path": "x", "max_length": 8, "max_prompt_length": 8},
        {"path": "x", "max_length": 1},
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DataConfig.model_validate(settings)
