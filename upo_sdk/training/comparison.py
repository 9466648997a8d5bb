"""The model's own answers, before and after training, and what the objectives think of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from upo_sdk.evaluation import answer_prompts
from upo_sdk.scoring.score import score_completions
from upo_sdk.training.preparation import normalized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.evaluation import Answers
    from upo_sdk.policy import Policy
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.preparation import Preparation, Split

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Lets a model answer the first ``eval_prompts`` prompts of a split, and scores the answers."""

    preparation: Preparation
    tokenizer: PreTrainedTokenizerBase
    split: Split
    normalizers: Mapping[str, ZScore | Rank]

    def answers(self, policy: Policy) -> Answers | None:
        """Return the answers with one array of rewards per label; None if no prompt is to be answered.

        An objective that reads columns of the dataset scores none: an answer of the model has no columns.
        """
        plan = self.preparation.plan
        count = min(plan.config.eval_prompts or 0, len(self.split.dataset))
        if not count:
            return None
        scorers = [item for item in (*plan.auxiliary, *plan.held_out) if item.scores_answers]
        answered = answer_prompts(
            policy.lm,
            self.tokenizer,
            self.split.dataset.select(range(count)),
            scorers,
            partial(score_completions, cache=self.preparation.cache, guard=self.preparation.guard),
            max_new_tokens=plan.config.eval_max_new_tokens,
            seed=plan.config.training.seed,
            on_progress=self.preparation.progress(f"answering {self.split.name} prompts", "prompts"),
        )
        return answered.with_rewards(normalized(scorers, list(answered.rewards.values()), self.normalizers))
