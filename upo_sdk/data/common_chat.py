"""What all conversations of a dataset have in common, which is how the trained model should be called."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.messages import load_conversation
from upo_sdk.records import Chat

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["common_chat"]

_ROWS = 1000
"""Rows that are looked at."""


def common_chat(rows: Dataset) -> Chat:
    """Return what all conversations share: the system message, and what else the template reads; as far as 1,000 go."""
    columns = ("prompt_messages", "response_messages", "template_inputs")
    found = list(map(load_conversation, islice(read_rows_of(rows, *columns), _ROWS)))
    first = found[0]
    opening = first.prompt[:1] if first.prompt and first.prompt[0]["role"] == "system" else []
    return Chat(
        system=opening[0]["content"] if opening and all(row.prompt[:1] == opening for row in found) else None,
        template_inputs={
            name: value
            for name, value in first.template_inputs.items()
            if all(row.template_inputs.get(name) == value for row in found)
        },
    )
