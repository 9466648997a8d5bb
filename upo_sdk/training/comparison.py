"""The model's own answers, before and after training, and what the objectives think of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from upo_sdk.evaluation import Sampling, answer_rewards, distinct_prompts, sample_answers
from upo_sdk.evaluation.answers import fit_prompts
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.scoring.score import score_completions
from upo_sdk.training.preparation import normalized

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation import Prompt
    from upo_sdk.events import SharedWork
    from upo_sdk.objectives import Completion
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.policy import Policy
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.preparation import Preparation, Split

__all__ = ["Comparison", "ScoredAnswers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswers:
    """One answer per prompt, in the order of the prompts, with one array of rewards per label."""

    completions: Sequence[Completion]
    rewards: Mapping[str, FloatArray]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Lets a model answer the first ``eval_prompts`` distinct prompts of a split, and scores the answers."""

    preparation: Preparation
    tokenizer: PreTrainedTokenizerBase
    split: Split
    normalizers: Mapping[str, ZScore | Rank]

    @cached_property
    def prompts(self) -> Sequence[Prompt]:
        """The prompts that are answered, with room for an answer; if some were shortened, that is said here."""
        plan, warn = self.preparation.plan, self.preparation.context.warn
        found = distinct_prompts(self.split.dataset, plan.config.eval_prompts or 0)
        return fit_prompts(found, plan.answer_room, self.tokenizer, warn, plan.model.chat_template_date)

    def answers(self, policy: Policy, shared: SharedWork | None = None) -> ScoredAnswers | None:
        """Return the scored answers; None if no prompt is to be answered.

        An objective that reads columns of the dataset scores none: an answer of the model has no columns. Progress says
        what is ``shared`` with other runs: the answers before training are.
        """
        plan, context = self.preparation.plan, self.preparation.context
        if not self.prompts:
            return None
        answers = sample_answers(
            policy.lm,
            self.tokenizer,
            self.prompts,
            Sampling(max_new_tokens=plan.config.eval_max_new_tokens, seed=plan.config.training.seed),
            context.cache,
            weights=weights_sha256(policy.lm),
            on_progress=context.progress(f"answering {self.split.name} prompts", "prompts", shared),
        )
        scorers = [item for item in (*plan.auxiliary, *plan.held_out) if item.scores_answers]

        def score(item: LiveObjective, completions: Sequence[Completion]) -> FloatArray:
            return score_completions(item, completions, context.cache, guard=context.guard).rewards

        rewards = normalized(scorers, answer_rewards(answers, scorers, score), self.normalizers)
        return ScoredAnswers(
            completions=answers.completions,
            rewards={item.label: values for item, values in zip(scorers, rewards, strict=True)},
        )
