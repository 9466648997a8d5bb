"""What the model's positions leave room for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.policy.positions import positions

if TYPE_CHECKING:
    from upo_sdk.config import DataConfig

__all__ = ["limit_to_positions"]


def limit_to_positions(data: DataConfig, model_config: Any, notices: list[str]) -> DataConfig:
    """Return the configuration with lengths that the model has positions for."""
    limit = positions(model_config)
    if limit is None or data.max_length <= limit:
        return data
    notices.append(f"`data.max_length` is {limit} instead of {data.max_length:,}: the model has no more positions")
    prompt = data.max_prompt_length
    return data.model_copy(
        update={"max_length": limit, "max_prompt_length": min(prompt, limit - 1) if prompt else None}
    )
