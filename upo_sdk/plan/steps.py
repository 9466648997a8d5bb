"""How many rows a step reads, by a sample of them as tokens; how many steps there are, and which rows they reach."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data import TruncationReport, cut_batches, tokenize
from upo_sdk.data.lengths import row_lengths
from upo_sdk.errors import DataError
from upo_sdk.plan.batch_shape import RowLengths
from upo_sdk.ranks import launched_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import DataConfig, ModelConfig, RunConfig
    from upo_sdk.data import PreferenceData, Tokenized
    from upo_sdk.records import DataFinding

__all__ = [
    "RowSample",
    "count_steps",
    "reachable_rows",
    "rows_per_batch",
    "steps_are_estimated",
    "tokenize_sample",
]

_ROWS = 200
_ROWS_OF_A_BUDGET = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSample:
    """What some rows, evenly spread over the training data, look like as tokens.

    Attributes:
        lengths: Tokens of each row's prompt and responses.
        truncation: What the limits on length changed.
        findings: Where data, scores and what is learned differ.
    """

    lengths: Sequence[RowLengths]
    truncation: TruncationReport
    findings: tuple[DataFinding, ...]

    @property
    def tokens_R(self) -> list[int]:
        """Tokens of each row: the prompt once, and all its responses."""
        return [row.prompt + sum(row.responses) for row in self.lengths]

    @property
    def tokens_per_row(self) -> float:
        """The mean length."""
        return sum(self.tokens_R) / len(self.lengths)

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
    return RowSample(lengths=_lengths(found.dataset), truncation=found.report, findings=tuple(found.findings))


def _lengths(dataset: Dataset) -> list[RowLengths]:
    prompts_R, counts_R, responses_N = row_lengths(dataset)
    responses = np.split(responses_N, np.cumsum(counts_R)[:-1])
    return [RowLengths(int(prompt), own.tolist()) for prompt, own in zip(prompts_R, responses, strict=True)]


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


def rows_per_batch(config: RunConfig, sample: RowSample, notices: list[str]) -> float:
    """Return the rows of a batch on one device; with a token budget, its mean over the sample."""
    budget = config.training.tokens_per_batch
    if budget is None:
        return config.training.per_device_train_batch_size
    rows = sample.rows_per_batch(budget)
    notices.append(
        f"`training.tokens_per_batch` is {budget:,}: about {rows:.1f} rows per batch, estimated from "
        f"{len(sample.tokens_R):,} rows; so the number of steps is an estimate unless `training.max_steps` is given"
    )
    return rows


def count_steps(config: RunConfig, rows: int, batch_rows: float) -> int:
    """Return the optimizer steps of a run on so many rows."""
    training = config.training
    if training.max_steps > 0:
        return training.max_steps
    batches = math.ceil(rows / (batch_rows * launched_ranks()))
    return math.ceil(math.ceil(batches / training.gradient_accumulation_steps) * training.num_train_epochs)


def steps_are_estimated(config: RunConfig) -> bool:
    """Whether the number of steps follows from a mean number of rows."""
    return config.training.max_steps < 1 and config.training.tokens_per_batch is not None


def reachable_rows(config: RunConfig, data: PreferenceData, batch_rows: float, notices: list[str]) -> PreferenceData:
    """Draw the rows that ``max_steps`` can reach, so that no other row is scored or given reference log-probs."""
    training, rows = config.training, len(data.train)
    needed = math.ceil(training.max_steps * batch_rows * training.gradient_accumulation_steps * launched_ranks())
    if training.max_steps < 1 or needed >= rows:
        return data
    notices.append(f"`training.max_steps` is {training.max_steps}: {needed:,} of {rows:,} rows are drawn and prepared")
    drawn = np.random.default_rng(training.seed).permutation(rows)[:needed]
    return replace(data, train=data.train.select(np.sort(drawn)))
