"""The chat template of a run, and the date that it may write into every prompt."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from upo_sdk.data import check_template, unused_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import ModelConfig
    from upo_sdk.data import PreferenceData

__all__ = ["with_template_date"]


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
