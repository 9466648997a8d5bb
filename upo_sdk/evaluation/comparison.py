"""The answers of a model beside those of its baseline: one computation, at the end of a run and in ``upo eval``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.arrays import FloatArray
from upo_sdk.data.messages import shown
from upo_sdk.evaluation.demo_measures import DEMO_NAMES, demo_measures
from upo_sdk.evaluation.paired_statistic import PairedStatistic
from upo_sdk.evaluation.text_metrics import form_measurements
from upo_sdk.records import Compared, EvaluationRecord, Sample
from upo_sdk.records.base import now
from upo_sdk.scoring import score_completions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.generation import Sampling
    from upo_sdk.evaluation.loaded_model import Whose
    from upo_sdk.evaluation.objective_measures import ObjectiveMeasures
    from upo_sdk.evaluation.paired_statistic import Better
    from upo_sdk.evaluation.rows import EvalRows
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.records import ModelIdentity
    from upo_sdk.scoring import Rank, ZScore

__all__ = ["AnswerScorer", "ScoredAnswers", "answer_statistics", "evaluation_record", "side_by_side"]

Paired = tuple[FloatArray, FloatArray | None]
"""One value per answer of the model, and of the baseline if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswers:
    """The answers of one model, with one value per answer.

    Attributes:
        model: Which model answered.
        rewards: By the label of the objective, as it gives them.
        normalized_rewards: As they enter the loss, of objectives whose rewards are normalised.
        measures: What objectives, and the demo's grammar, measure in their own units, by name; NaN where one does not
            apply.
    """

    model: ModelIdentity
    answers: Answers
    rewards: Mapping[str, FloatArray]
    normalized_rewards: Mapping[str, FloatArray]
    measures: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScorer:
    """Scores answers by every objective that can.

    Attributes:
        objectives: The auxiliary ones, set up, fitted, and able to score an answer.
        measures: Theirs.
        normalizers: Of the run, by label.
        is_demo: Whether the prompts are the demo's, whose grammar judges the answers.
    """

    objectives: Sequence[LiveObjective]
    measures: ObjectiveMeasures
    normalizers: Mapping[str, ZScore | Rank]
    is_demo: bool

    def score(self, answers: Answers, model: ModelIdentity, whose: Whose) -> ScoredAnswers:
        """Return the answers with the score of every objective."""
        rewards = {item.label: self._rewards(item, answers, whose) for item in self.objectives}
        measures = self.measures.take(answers.completions, f"answers of the {whose}")
        return ScoredAnswers(
            model=model,
            answers=answers,
            rewards=rewards,
            normalized_rewards={
                label: self.normalizers[label](values) for label, values in rewards.items() if label in self.normalizers
            },
            measures=measures | (demo_measures(answers) if self.is_demo else {}),
        )

    def better(self, measure: str) -> Better:
        """Return which direction of a measure is an improvement, if one is."""
        return DEMO_NAMES[measure] if self.is_demo and measure in DEMO_NAMES else self.measures.better(measure)

    def _rewards(self, item: LiveObjective, answers: Answers, whose: Whose) -> FloatArray:
        context = self.measures.context
        return score_completions(
            item,
            answers.completions,
            context.cache,
            guard=context.guard,
            on_progress=context.progress(f"scoring answers of the {whose} with {item.label}", "answers"),
        ).rewards


def answer_statistics(
    scorer: AnswerScorer, model: ScoredAnswers, baseline: ScoredAnswers | None
) -> Iterator[PairedStatistic]:
    """Yield the means of rewards and measures, and the form of the answers, of both models."""
    for name, values in model.rewards.items():
        yield _mean(f"reward/{name}", model, (values, baseline.rewards[name] if baseline else None), "higher", "reward")
    for name, values in model.normalized_rewards.items():
        other = baseline.normalized_rewards[name] if baseline else None
        yield _mean(f"normalized_reward/{name}", model, (values, other), "higher", "reward in the loss")
    for name, values in model.measures.items():
        other = baseline.measures[name] if baseline else None
        yield _mean(name, model, (values, other), scorer.better(name), "")
    yield from form_measurements(model.answers, baseline.answers if baseline else None)


def _mean(name: str, model: ScoredAnswers, values: Paired, better: Better, unit: str) -> PairedStatistic:
    """Return the mean over answers; both models have as many to every prompt."""
    mine, other = values
    known = np.concatenate([found for found in values if found is not None])
    return PairedStatistic(
        name=name,
        model=model.answers.mean(mine),
        baseline=None if other is None else model.answers.mean(other),
        better=better,
        unit=unit,
        highest=float(known.max()) if unit else None,
    )


def evaluation_record(sampling: Sampling, **known: Any) -> EvaluationRecord:
    """Return the record of an evaluation that was made now, with answers sampled so.

    Args:
        sampling: Of both models.
        known: All other fields.
    """
    return EvaluationRecord(
        created=now(),
        seed=sampling.seed,
        num_samples=sampling.num_samples,
        max_new_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        **known,
    )


def side_by_side(rows: EvalRows, ours: ScoredAnswers, theirs: ScoredAnswers | None) -> list[Sample]:
    """Return one sample per answer, in the order of the prompts."""
    chosen, samples = rows.chosen_responses(), ours.answers.num_samples
    return [
        Sample(
            prompt=shown(completion.prompt, completion.prompt_messages),
            chosen=chosen[place // samples],
            model=completion.response,
            baseline=theirs.answers.texts[place] if theirs else None,
            tokens=Compared(
                model=len(ours.answers.tokens[place]),
                baseline=len(theirs.answers.tokens[place]) if theirs else None,
            ),
            rewards=_at(place, ours.rewards, theirs.rewards if theirs else None),
            normalized_rewards=_at(place, ours.normalized_rewards, theirs.normalized_rewards if theirs else None),
            measures=_at(place, ours.measures, theirs.measures if theirs else None),
        )
        for place, completion in enumerate(ours.answers.completions)
    ]


def _at(place: int, mine: Mapping[str, FloatArray], other: Mapping[str, FloatArray] | None) -> dict[str, Compared]:
    return {
        name: Compared(model=_number(values[place]), baseline=_number(other[name][place]) if other else None)
        for name, values in mine.items()
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
