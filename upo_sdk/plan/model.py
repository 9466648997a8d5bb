"""What the model means for the plan: the positions that it has, the date in its template."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from upo_sdk.data import check_template, unused_template
from upo_sdk.policy.positions import positions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import DataConfig, ModelConfig
    from upo_sdk.data import PreferenceData

__all__ = ["limit_to_positions", "with_template_date"]


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


def with_template_date(
    model: ModelConfig,
    tokenizer: PreTrainedTokenizerBase,
    data: PreferenceData,
    notices: list[str],
    *,
    drop: bool,
    is_demo: bool,
) -> ModelConfig:
    """Check the chat template, and keep the date that it writes: training, evaluation and a resumed run read the same.

    Raises:
        UPOError: There is no template for conversations, or it fails on the first row.
    """
    if not data.conversational:
        unused = None if is_demo else unused_template(tokenizer, data.train)
        notices += [unused] if unused else []
        return model
    writes_date = check_template(tokenizer, data.train, model.chat_template_date, drop=drop)
    if not writes_date or model.chat_template_date:
        return model
    today = datetime.now().astimezone().date()
    notices.append(
        f"the chat template writes the date, {today}: on another day the tokens differ; "
        f"`model.chat_template_date={today}` keeps them the same"
    )
    return model.model_copy(update={"chat_template_date": today})
