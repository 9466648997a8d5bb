"""From the plan's data to prepared rows: tokens, rewards, statistics, baselines and reference log-probs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import numpy as np

from upo_sdk.cache import Filled
from upo_sdk.data import (
    BAD_ROWS_FILE,
    MARGIN,
    SAMPLE_WEIGHT,
    completions,
    describe_left_out,
    has_rewards,
    margins,
    once_key,
    rewards_in_data,
    sample_weights,
    tokenize,
)
from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.problems import parts_of
from upo_sdk.data.split import sample_rows
from upo_sdk.events import CacheUsed, ScoresReady
from upo_sdk.objectives import Remarking
from upo_sdk.plugin.build import union_of_needs
from upo_sdk.policy import reference_logps
from upo_sdk.scoring import data_baseline, describe_scores, fit_normalizer, read_normalizers, score_completions
from upo_sdk.training.rows import PreparedRows
from upo_sdk.training.tokenized_rows import TokenizedRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.arrays import FloatArray
    from upo_sdk.context import RunContext
    from upo_sdk.data import BadRow, TruncationReport
    from upo_sdk.objectives import Completion
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.policy import Policy, ReferenceLogps
    from upo_sdk.records import DataFinding, ScoreStatistics
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.rows import PreparedRow

__all__ = ["DataPreparation", "Split"]


@dataclass(frozen=True, slots=True)
class Split:
    """One tokenised split.

    Attributes:
        name: ``training`` or ``held-out``.
        rewards: One array over all completions per auxiliary objective, in the plan's order.
        findings: Where data, scores and what is learned differ.
        sample_weight_R: How much each row counts, or None if all count alike.
        bad_rows: What is left out because it cannot be tokenised.
    """

    name: str
    dataset: Dataset
    completions: Sequence[Completion]
    rewards: Sequence[FloatArray] = ()
    findings: Sequence[DataFinding] = ()
    bad_rows: Sequence[BadRow] = ()
    sample_weight_R: FloatArray | None = None

    @property
    def completion_weight_N(self) -> FloatArray | None:
        """How much each completion counts, or None if all count alike."""
        if self.sample_weight_R is None:
            return None
        counts_R = [len(row["desirable"]) for row in read_rows_of(self.dataset, "desirable")]
        return np.repeat(self.sample_weight_R, counts_R)


@dataclass(frozen=True, slots=True)
class DataPreparation:
    """Everything that is computed once, before training; what is expensive is cached by content."""

    plan: RunPlan
    context: RunContext

    def tokenize(self, tokenizer: PreTrainedTokenizerBase) -> tuple[Split, Split | None]:
        """Tokenise and truncate the training and the evaluation rows; report each kind of difference once."""
        data = self.plan.data
        train = self._tokenize("training", data.train, tokenizer)
        held_out = None if data.eval is None else self._tokenize("held-out", data.eval, tokenizer)
        reported = set[str]()
        for split in (train, held_out) if held_out else (train,):
            for item in split.findings:
                if once_key(item) not in reported:
                    reported.add(once_key(item))
                    self.context.notice(item.level, f"{split.name} data: {item.text}")
        return train, held_out

    def score(self, split: Split, item: LiveObjective) -> Split:
        """Return the split with the rewards of one more auxiliary objective; what the data has is not scored."""
        return replace(split, rewards=[*split.rewards, self._score(item, split)])

    def normalizers(self, train: Split, kept_in: Path | None) -> dict[str, ZScore | Rank]:
        """Return the normalisations that the objectives ask for, by label.

        Args:
            train: Scored, not normalised; it defines those that are not kept.
            kept_in: The folder of the run that is resumed, or None.
        """
        found = read_normalizers(kept_in) if kept_in else {}
        kept = {(label, normalizer.method): normalizer for label, normalizer in found.items()}
        weight_N = train.completion_weight_N
        return {
            item.label: kept.get((item.label, method)) or fit_normalizer(method, rewards, weight_N)
            for item, rewards in zip(self.plan.auxiliary, train.rewards, strict=True)
            if (method := item.ref.normalize) != "none"
        }

    def normalize(self, split: Split, normalizers: Mapping[str, ZScore | Rank]) -> Split:
        """Return the split with its rewards normalised."""
        rewards = [
            normalizers[item.label](values) if item.label in normalizers else values
            for item, values in zip(self.plan.auxiliary, split.rewards, strict=True)
        ]
        return replace(split, rewards=rewards)

    def describe(self, train: Split) -> tuple[ScoreStatistics, ...]:
        """Announce the statistics of every objective and warn of those whose reward never varies."""
        lengths = np.fromiter((len(item.response) for item in train.completions), float, len(train.completions))
        labels = (flag for row in read_rows_of(train.dataset, "desirable") for flag in row["desirable"])
        desirable = np.fromiter(labels, float, len(train.completions))
        statistics = tuple(
            describe_scores(item.label, rewards, lengths, desirable)
            for item, rewards in zip(self.plan.auxiliary, train.rewards, strict=True)
        )
        self.context.emit(ScoresReady(statistics))
        for item in statistics:
            if item.constant:
                text = (
                    f"'{item.label}' gives every completion the same reward ({item.mean:g}): it cannot teach anything"
                )
                self.context.warn(text)
        return statistics

    def rows(self, split: Split, policy: Policy, weights: str) -> PreparedRows:
        """Join tokens, rewards, baselines and, if an objective needs them, reference log-probs.

        Args:
            split: Scored.
            policy: Before training.
            weights: The hash of its weights.
        """
        needs, max_length = union_of_needs(self.plan.objectives), self.plan.data_config.max_length
        branches = TokenizedRows(split.dataset, mismatched=needs.kl, max_length=max_length)
        rewards_NK = np.stack(split.rewards, axis=1) if split.rewards else np.zeros((len(split.completions), 0))
        reference = self._reference(split.name, policy, branches, weights) if needs.reference else None
        columns = self.plan.data.columns
        return PreparedRows(
            split.dataset,
            branches,
            rewards_NK,
            baseline_R=self._data_baseline(split, branches, rewards_NK),
            sample_weight_R=split.sample_weight_R,
            margin_R=margins(split.dataset) if MARGIN in columns and needs.margin else None,
            reference=reference,
        )

    def sample(self, prepared: Prepared) -> list[PreparedRow]:
        """Return the rows that γ is measured on, with reference log-probs, whether the run needs those or not.

        They are drawn from all rows of the data, so that they are the same for every seed: where ``max_steps`` leaves
        out rows, the sample is tokenised and scored by itself.
        """
        split, rows, policy, weights = prepared.train, prepared.rows, prepared.policy, prepared.weights_sha256
        whole = self.plan.balance_rows
        if whole is not None:
            split = self._tokenize("sampled", whole, prepared.tokenizer, report=False)
            for item in self.plan.auxiliary:
                split = self.score(split, item)
            split = self.normalize(split, prepared.normalizers)
            rows = self.rows(split, policy, weights)
        drawn = sample_rows(len(rows), split.sample_weight_R)
        sample = rows.__getitems__(drawn)
        if sample[0].reference_logps is not None:
            return sample
        max_length = self.plan.data_config.max_length
        chosen = TokenizedRows(split.dataset.select(drawn), mismatched=False, max_length=max_length)
        logps = self._reference(f"some {split.name}", policy, chosen, weights)
        return [replace(row, reference_logps=logps[index]) for index, row in enumerate(sample)]

    def _score(self, item: LiveObjective, split: Split) -> FloatArray:
        if has_rewards(item.label, self.plan.data.columns):
            return rewards_in_data(split.dataset, item.label)
        started = perf_counter()
        scored = score_completions(
            item,
            split.completions,
            self.context.cache,
            guard=self.context.guard,
            on_progress=self.context.progress(f"scoring {split.name} completions with {item.label}", "completions"),
        )
        self._report_cache("scoring", item.label, split.name, scored.filled, started)
        for text in self._remarks(item):
            self.context.note(f"'{item.label}', {split.name} completions: {text}")
        return scored.rewards

    def _remarks(self, item: LiveObjective) -> list[str]:
        """Return what the objective says of the completions that it scored, in each process that scored some."""
        ranks = self.context.cache.ranks
        of_rank = ranks.gather(list(item.objective.remarks()) if isinstance(item.objective, Remarking) else [])
        if ranks.count == 1:
            return of_rank[0]
        return [f"{text} (rank {rank})" for rank, texts in enumerate(of_rank) for text in texts]

    def _reference(self, name: str, policy: Policy, branches: TokenizedRows, weights: str) -> ReferenceLogps:
        max_length, training = self.plan.data_config.max_length, self.plan.config.training
        started = perf_counter()
        reference = reference_logps(
            policy,
            branches,
            self.context.cache,
            weights=weights,
            tokens_per_batch=2 * training.per_device_eval_batch_size * max_length,
            tokens_per_row=2 * max_length,  # the prompt and both responses of a pair may have it
            bf16=training.bf16,
            on_progress=self.context.progress(f"reference log-probs of {name} responses", "responses"),
        )
        found = len(branches.response_lengths_N) - reference.computed
        self._report_cache("reference", "", name, Filled(found, reference.computed), started)
        return reference

    def _report_cache(
        self, task: Literal["scoring", "reference"], label: str, split: str, filled: Filled, started: float
    ) -> None:
        event = CacheUsed(
            task=task,
            label=label,
            split=split,
            found=filled.found,
            computed=filled.computed,
            seconds=perf_counter() - started,
        )
        self.context.emit(event)

    def _tokenize(self, name: str, data: Dataset, tokenizer: PreTrainedTokenizerBase, *, report: bool = True) -> Split:
        limits, needs = self.plan.data_config, union_of_needs(self.plan.objectives)
        tokenized = tokenize(
            data,
            tokenizer,
            max_length=limits.max_length,
            max_prompt_length=limits.max_prompt_length,
            on_date=self.plan.model.chat_template_date,
            drop=limits.on_bad_rows == "drop",
            on_progress=self.context.progress(f"tokenising {name} rows", "rows"),
        )
        if report and tokenized.bad_rows:
            left_out = describe_left_out(tokenized.bad_rows, len(data), parts_of(data))
            self.context.warn(f"{name} data: {left_out}, and listed in {BAD_ROWS_FILE}")
        if report and tokenized.report.changed:
            text = f"{name} data {tokenized.report.describe()}{self._given_rewards(tokenized.report)}"
            self.context.warn(text)
        texts = completions(tokenized.dataset, needs)
        counted = SAMPLE_WEIGHT in self.plan.data.columns
        weight_R = sample_weights(tokenized.dataset) if counted else None
        return Split(
            name,
            tokenized.dataset,
            texts,
            findings=tokenized.findings,
            bad_rows=tokenized.bad_rows,
            sample_weight_R=weight_R,
        )

    def _given_rewards(self, report: TruncationReport) -> str:
        """Return that rewards of the data stay those of whole responses, if there are some and it matters."""
        given = [item.label for item in self.plan.auxiliary if has_rewards(item.label, self.plan.data.columns)]
        if not given or not report.responses_shortened:
            return ""
        return f"; the rewards of {', '.join(given)} that the data give are of whole responses"

    def _data_baseline(self, split: Split, branches: TokenizedRows, rewards_NK: FloatArray) -> FloatArray | None:
        loss = self.plan.config.loss
        if loss.baseline == "value" or loss.baseline == "none" or not self.plan.auxiliary:  # noqa: PLR1714 - narrows the type
            return None
        weights_K = np.array([item.weight for item in self.plan.auxiliary])
        prompts = (row["prompt"] for row in read_rows_of(split.dataset, "prompt"))
        rewards_N, counts_R = rewards_NK @ weights_K, branches.own_counts_R
        return data_baseline(loss.baseline, prompts, counts_R, rewards_N, loss.lambda_, split.sample_weight_R)
