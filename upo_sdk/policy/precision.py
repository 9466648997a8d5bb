"""What the data type of the weights means for training and for what is saved, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upo_sdk.config import ModelConfig

__all__ = ["HALF", "describe_saved_dtype", "too_small_steps"]

HALF = frozenset({"bfloat16", "float16"})
_SMALLEST_USEFUL_RATE = 1e-4
"""Adam moves a weight by about the learning rate. A weight of .02 in bfloat16 is a multiple of 1.2e-4."""


def describe_saved_dtype(model: ModelConfig, model_config: Any) -> str | None:
    """Return a line if the trained model takes more room than the files it was made from."""
    files = _name(getattr(model_config, "dtype", None))
    if model.dtype == "float32" and files in HALF:
        return (
            f"the model's files hold {files}; it is trained and saved in float32, which needs twice the memory and disk"
        )
    return None


def too_small_steps(model: ModelConfig, model_config: Any, learning_rate: float) -> str | None:
    """Return a line if the weights are too coarse for steps of this size."""
    dtype = _name(getattr(model_config, "dtype", None)) if model.dtype == "auto" else model.dtype
    if dtype not in HALF or learning_rate >= _SMALLEST_USEFUL_RATE:
        return None
    return (
        f"the precision of {dtype} is too low for a learning rate of {learning_rate:g}: most weights will not change; "
        "leave out `model.dtype`, which keeps them in float32, and add `training.bf16=true` for speed"
    )


def _name(dtype: object) -> str:
    return str(dtype).removeprefix("torch.")
