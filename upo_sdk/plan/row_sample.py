"""A sample of the training rows, tokenised for the plan: how long rows are, and what truncation and template change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from upo_sdk.data import TruncationReport, cut_batches, tokenize, tokens_per_row
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import DataConfig, ModelConfig
    from upo_sdk.data import PreferenceData, Tokenized
    from upo_sdk.records import DataFinding

__all__ = ["RowSample", "tokenize_sample"]

_ROWS = 200
_ROWS_OF_A_BUDGET = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSample:
    """What some rows, evenly spread over the training data, look like as tokens.

    Attributes:
        tokens_R: Tokens of each row: the prompt once, and all its responses.
        truncation: What the limits on length changed.
        findings: Where data, scores and what is learned differ.
    """

    tokens_R: Sequence[int]
    truncation: TruncationReport
    findings: tuple[DataFinding, ...]

    @property
    def tokens_per_row(self) -> float:
        """The mean length."""
        return sum(self.tokens_R) / len(self.tokens_R)

    def rows_per_batch(self, budget: int) -> float:
        """Return how many rows a batch of so many tokens has on average."""
        return len(self.tokens_R) / len(cut_batches(range(len(self.tokens_R)), self.tokens_R, budget, padded=False))


def tokenize_sample(
    data: PreferenceData,
    tokenizer: PreTrainedTokenizerBase,
    model: ModelConfig,
    limits: DataConfig,
    *,
    budget: int | None,
) -> RowSample:
    """Tokenise a sample as the run will tokenise all rows; a larger one if a budget of tokens makes the batches.

    Raises:
        UPOError: The rows cannot be tokenised; all bad rows of the data are counted.
    """
    some = partial(_tokenize, data, tokenizer, model, limits)
    rows, wanted = len(data.train), _ROWS_OF_A_BUDGET if budget else _ROWS
    try:
        found = some(range(0, rows, math.ceil(rows / wanted)))
    except DataError:
        found = some(range(rows))  # which counts the bad rows of all
    return RowSample(
        tokens_R=tokens_per_row(found.dataset).tolist(), truncation=found.report, findings=tuple(found.findings)
    )


def _tokenize(
    data: PreferenceData, tokenizer: PreTrainedTokenizerBase, model: ModelConfig, limits: DataConfig, rows: range
) -> Tokenized:
    return tokenize(
        data.train if len(rows) == len(data.train) else data.train.select(rows),
        tokenizer,
        max_length=limits.max_length,
        max_prompt_length=limits.max_prompt_length,
        on_date=model.chat_template_date,
        drop=limits.on_bad_rows == "drop",
    )
