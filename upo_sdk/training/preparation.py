"""From the plan's data to prepared rows: tokens, rewards, statistics, baselines and reference log-probs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data import completions, tokenize
from upo_sdk.errors import CancelledError
from upo_sdk.events import Notice, Progress, ScoresReady, emit
from upo_sdk.objectives import FittedToData, Remarking
from upo_sdk.objectives.build import union_of_needs
from upo_sdk.policy import reference_logps
from upo_sdk.scoring import data_baseline, describe_scores, score_completions
from upo_sdk.training.rows import PreparedRows, prepare_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.cache import ContentCache
    from upo_sdk.events import Callback, CancelToken, ScoreStatistics
    from upo_sdk.objectives import Completion
    from upo_sdk.plan import RunPlan
    from upo_sdk.policy import Policy
    from upo_sdk.scoring.score import FloatArray

__all__ = ["Preparation", "Split"]


@dataclass(frozen=True, slots=True)
class Split:
    """One tokenised split.

    Attributes:
        name: ``training`` or ``held-out``.
        rewards: One array over all completions per auxiliary objective, in the plan's order.
    """

    name: str
    dataset: Dataset
    completions: Sequence[Completion]
    rewards: Sequence[FloatArray] = ()


@dataclass(frozen=True, slots=True)
class Preparation:
    """Everything that is computed once, before training; what is expensive is cached by content."""

    plan: RunPlan
    cache: ContentCache
    callbacks: tuple[Callback, ...]
    cancel: CancelToken | None = None

    def tokenize(self, tokenizer: PreTrainedTokenizerBase) -> tuple[Split, Split | None]:
        """Tokenise and truncate the training and the evaluation rows."""
        held_out = self.plan.data.eval
        return (
            self._tokenize("training", self.plan.data.train, tokenizer),
            None if held_out is None else self._tokenize("held-out", held_out, tokenizer),
        )

    def fit(self, train: Split) -> None:
        """Let the objectives that ask for it read the training completions."""
        for item in self.plan.auxiliary:
            if isinstance(item.objective, FittedToData):
                item.objective.fit(train.completions)

    def score(self, split: Split) -> Split:
        """Return the split with the rewards of every auxiliary objective."""
        rewards = [
            score_completions(
                item,
                split.completions,
                self.cache,
                on_progress=self.progress(f"scoring {split.name} completions with {item.label}", "completions"),
            )
            for item in self.plan.auxiliary
        ]
        for item in self.plan.auxiliary:
            for text in item.objective.remarks() if isinstance(item.objective, Remarking) else ():
                emit(self.callbacks, Notice("info", f"'{item.label}', {split.name} completions: {text}"))
        return replace(split, rewards=rewards)

    def describe(self, train: Split) -> tuple[ScoreStatistics, ...]:
        """Announce the statistics of every objective and warn of those whose reward never varies."""
        responses = [item.response for item in train.completions]
        desirable = [flag for row in train.dataset["desirable"] for flag in row]
        statistics = tuple(
            describe_scores(item.label, rewards, responses, desirable)
            for item, rewards in zip(self.plan.auxiliary, train.rewards, strict=True)
        )
        emit(self.callbacks, ScoresReady(statistics))
        for item in statistics:
            if item.constant:
                text = (
                    f"'{item.label}' gives every completion the same reward ({item.mean:g}): it cannot teach anything"
                )
                emit(self.callbacks, Notice("warning", text))
        return statistics

    def rows(self, split: Split, policy: Policy, *, weights: str, batch_size: int) -> PreparedRows:
        """Join tokens, rewards, baselines and, if an objective needs them, reference log-probs."""
        needs = union_of_needs(self.plan.objectives)
        rewards = _per_row(split.rewards, [len(row) for row in split.dataset["response_ids"]])
        rows = prepare_rows(
            split.dataset,
            rewards,
            self._data_baseline(split, rewards),
            mismatched=needs.kl,
            max_length=self.plan.data_config.max_length,
        )
        if not needs.reference:
            return PreparedRows(rows)
        logps = reference_logps(
            policy,
            [row.branches for row in rows],
            self.cache,
            weights=weights,
            batch_size=batch_size,
            bf16=self.plan.config.training.bf16,
            on_progress=self.progress(f"reference log-probs of {split.name} responses", "responses"),
        )
        return PreparedRows([replace(row, reference_logps=values) for row, values in zip(rows, logps, strict=True)])

    def progress(self, task: str, unit: str) -> Callable[[int, int], None]:
        """Return a function that emits the progress of a task, and ends it if the run is cancelled."""

        def report(done: int, total: int) -> None:
            emit(self.callbacks, Progress(task, done, total, unit))
            if self.cancel is not None and self.cancel.is_set():
                raise CancelledError(
                    "the run was cancelled before training",
                    where=f"{task}, {done:,} of {total:,} {unit} done",
                    fix="run the same command again: what was done is kept",
                )

        return report

    def _tokenize(self, name: str, data: Dataset, tokenizer: PreTrainedTokenizerBase) -> Split:
        limits, needs = self.plan.data_config, union_of_needs(self.plan.objectives)
        tokenized = tokenize(data, tokenizer, max_length=limits.max_length, max_prompt_length=limits.max_prompt_length)
        if tokenized.report.tokens_dropped:
            emit(self.callbacks, Notice("warning", f"{name} data {tokenized.report.describe()}"))
        texts = completions(tokenized.dataset, needs)
        return Split(name, tokenized.dataset, texts)

    def _data_baseline(self, split: Split, rewards: Sequence[FloatArray]) -> FloatArray | None:
        loss = self.plan.config.loss
        if loss.baseline == "value" or loss.baseline == "none" or not self.plan.auxiliary:  # noqa: PLR1714 - narrows the type
            return None
        weights_K = np.array([item.weight for item in self.plan.auxiliary])
        return data_baseline(
            loss.baseline, split.dataset["prompt"][:], [row @ weights_K for row in rewards], loss.lambda_
        )


def _per_row(rewards: Sequence[FloatArray], responses_per_row: Sequence[int]) -> list[FloatArray]:
    """Return per row an array of shape [responses, objectives] from one flat array per objective."""
    flat_NK = np.stack(rewards, axis=1) if rewards else np.zeros((sum(responses_per_row), 0))
    return np.split(flat_NK, np.cumsum(responses_per_row)[:-1])
