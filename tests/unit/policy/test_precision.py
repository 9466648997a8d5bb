"""What is said of half precision before training."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig

from upo_sdk.config import ModelConfig
from upo_sdk.policy.precision import describe_saved_dtype, too_small_steps

HALF = LlamaConfig(dtype=torch.bfloat16)
FULL = LlamaConfig(dtype=torch.float32)


def test_a_half_precision_base_that_is_saved_in_float32_is_said() -> None:
    assert "twice the memory and disk" in (describe_saved_dtype(ModelConfig(path="m"), HALF) or "")
    assert describe_saved_dtype(ModelConfig(path="m"), FULL) is None
    assert describe_saved_dtype(ModelConfig(path="m", dtype="auto"), HALF) is None


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "auto"])
def test_coarse_weights_and_a_small_learning_rate_are_said(dtype: str) -> None:
    model = ModelConfig.model_validate({"path": "m", "dtype": dtype})
    assert "most weights will not change" in (too_small_steps(model, HALF, 1e-6) or "")
    assert too_small_steps(model, HALF, 1e-3) is None


def test_weights_in_float32_take_small_steps() -> None:
    assert too_small_steps(ModelConfig(path="m"), HALF, 1e-7) is None
    assert too_small_steps(ModelConfig(path="m", dtype="auto"), FULL, 1e-7) is None


def test_a_step_of_one_in_a_million_does_not_move_a_usual_weight_in_bfloat16() -> None:
    weight = torch.tensor([0.02], dtype=torch.bfloat16)
    assert torch.equal(weight - 1e-6, weight)
    assert not torch.equal(weight - 1.3e-4, weight)
