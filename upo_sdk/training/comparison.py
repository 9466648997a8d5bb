"""The model's own answers before and after training: the evaluation at the end of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.evaluation import Sampling, sample_answers
from upo_sdk.evaluation.comparison import AnswerScorer, answer_statistics, evaluation_record, side_by_side
from upo_sdk.evaluation.demo_measures import are_demo_prompts
from upo_sdk.evaluation.objective_measures import ObjectiveMeasures
from upo_sdk.evaluation.paired_statistic import metrics_of_both
from upo_sdk.evaluation.rows import choose_prompts, number_prompts
from upo_sdk.evaluation.text_metrics import FORM_NAMES
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.records import DataDescription, ModelIdentity

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.context import RunContext
    from upo_sdk.evaluation.comparison import ScoredAnswers
    from upo_sdk.evaluation.rows import EvalRows
    from upo_sdk.plan import RunPlan
    from upo_sdk.policy import Policy
    from upo_sdk.records import EvaluationRecord, Sample, SharedWork
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.prepare_data import Split

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Lets a model answer ``eval_prompts`` prompts of a split, those that ``upo eval`` chooses, and scores the answers.

    An objective that reads columns of the dataset scores none: an answer of the model has no columns.
    """

    plan: RunPlan
    tokenizer: PreTrainedTokenizerBase
    split: str
    rows: EvalRows
    sampling: Sampling
    scorer: AnswerScorer

    @classmethod
    def of(cls, prepared: Prepared, context: RunContext) -> Comparison | None:
        """Choose the prompts; None if none is to be answered. Prompts that had to be shortened are warned of."""
        plan, split = prepared.plan, prepared.held_out or prepared.train
        if not plan.config.eval_prompts:
            return None
        scorers = [item for item in (*plan.auxiliary, *plan.held_out) if item.scores_answers]
        names = [f"{kind}/{item.label}" for item in scorers for kind in ("reward", "normalized_reward")]
        return cls(
            plan=plan,
            tokenizer=prepared.tokenizer,
            split=split.name,
            rows=_chosen_rows(plan, split, prepared.tokenizer, context),
            sampling=Sampling(max_new_tokens=plan.config.eval_max_new_tokens, seed=plan.config.training.seed),
            scorer=AnswerScorer(
                objectives=scorers,
                measures=ObjectiveMeasures.of(scorers, [*names, *FORM_NAMES], context),
                normalizers=prepared.normalizers,
                is_demo=are_demo_prompts(plan.data_config, split.name),
            ),
        )

    def before(self, policy: Policy) -> ScoredAnswers:
        """Return the answers of the base model, which all runs from it share."""
        return self._answers(policy, self.plan.model.path, "base answers")

    def after(self, policy: Policy) -> ScoredAnswers:
        """Return the answers of the trained model."""
        return self._answers(policy, str(self.plan.config.output_dir))

    def record(self, before: ScoredAnswers, after: ScoredAnswers) -> tuple[EvaluationRecord, list[Sample]]:
        """Return the evaluation of the trained model beside the base model, and all answers side by side."""
        data = self.plan.data
        record = evaluation_record(
            self.sampling,
            model=after.model,
            baseline=before.model,
            data=DataDescription(description=data.description, fingerprint=data.fingerprint, split=self.split),
            prompts=len(self.rows.prompts),
            metrics=metrics_of_both(answer_statistics(self.scorer, after, before)),
        )
        return record, side_by_side(self.rows, after, before)

    def _answers(self, policy: Policy, path: str, shared: SharedWork | None = None) -> ScoredAnswers:
        identity = ModelIdentity(path=path, weights_sha256=weights_sha256(policy.lm))
        context = self.scorer.measures.context
        answers = sample_answers(
            policy.lm,
            self.tokenizer,
            self.rows.prompts,
            self.sampling,
            context.cache,
            weights=identity.weights_sha256,
            on_progress=context.progress(f"answering {self.split} prompts", "prompts", shared),
        )
        return self.scorer.score(answers, identity, "baseline" if shared else "model")


def _chosen_rows(plan: RunPlan, split: Split, tokenizer: PreTrainedTokenizerBase, context: RunContext) -> EvalRows:
    normalized = plan.data.train if plan.data.eval is None else plan.data.eval
    chosen = set(choose_prompts(normalized, plan.config.eval_prompts or 0)["prompt"][:])
    rows = split.dataset.select([row for row, text in enumerate(split.dataset["prompt"][:]) if text in chosen])
    on_date = plan.model.chat_template_date
    return number_prompts(rows, tokenizer, context, room=plan.answer_room, on_date=on_date)
