"""``evaluate``: a model's own answers beside a baseline's, measured with intervals, written to ``eval.json``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from upo_sdk.cache import cache_in_use
from upo_sdk.context import RunContext
from upo_sdk.data import completions
from upo_sdk.evaluation.comparison import AnswerScorer, answer_statistics, evaluation_record, side_by_side
from upo_sdk.evaluation.demo_measures import DEMO_NAMES, conflicts
from upo_sdk.evaluation.generation import Sampling
from upo_sdk.evaluation.judging import WIN_RATE_NAMES, judge_samples, win_rate_metrics
from upo_sdk.evaluation.loaded_model import LoadedModel, Whose, accelerator
from upo_sdk.evaluation.log_probs import (
    implicit_margins,
    kl_measurement,
    pair_margins,
    pair_measurements,
    tokenized_answers,
)
from upo_sdk.evaluation.objective_measures import ObjectiveMeasures
from upo_sdk.evaluation.paired_statistic import PairedStatistic, metrics_of_both
from upo_sdk.evaluation.rows import EvalRows, choose_prompts, same_prompts, same_tokens, tokenize_rows
from upo_sdk.evaluation.task import EvalTask, plan_evaluation
from upo_sdk.evaluation.text_metrics import FORM_NAMES
from upo_sdk.evaluation.thresholds import check_names, judge_all
from upo_sdk.evaluation.violations import violation_measurements, violation_names
from upo_sdk.isolation import isolated
from upo_sdk.plugin.build import union_of_needs
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import load_tokenizer
from upo_sdk.records import DataDescription, EvaluationRecord, LineRecord, PairMargin, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from upo_sdk.arrays import FloatArray
    from upo_sdk.config import EvalConfig, ModelConfig
    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.comparison import ScoredAnswers
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.policy import TokenizedRow
    from upo_sdk.records import ModelIdentity

__all__ = ["evaluate"]


@cache_in_use()
def evaluate(
    config: EvalConfig,
    *,
    registry: Registry | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
) -> EvaluationRecord:
    """Evaluate a model and return what was measured, which is also written to ``eval.json``.

    Beside it, ``eval-samples.jsonl`` has every answer with its scores, and ``eval-pairs.jsonl`` every pair's margin.

    What is expensive is cached by content: answers, rewards and log-probs are computed once, whichever evaluation or
    run asks for them, and a killed evaluation resumes where it was. Nothing is printed, and the random state of the
    process is left as it was.

    Args:
        config: Which model, against which baseline, on what.
        registry: Loaded plugins; by default they are loaded as ``config.plugins`` says.
        callbacks: Receive notices and progress.
        cancel: Anything with ``is_set()``; once set, the evaluation ends within a batch.

    Raises:
        UPOError: Something the user can fix; its message says what, where and how.
    """
    registry = registry or load_registry(config.plugins)
    task = plan_evaluation(config, registry.check())
    context = RunContext.of(callbacks, cancel, timeout=config.plugins.timeout, cancelled="the evaluation was cancelled")
    for text in registry.warnings:
        context.warn(text)
    with isolated():
        return _Evaluation(task, registry, context).execute()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModelOutputs:
    """The answers of one model.

    Attributes:
        pair_logps: Log-probs of the data's pairs, if they are compared.
        answer_logps: Log-probs of the evaluated model's answers, if they are compared.
    """

    identity: ModelIdentity
    answers: Answers
    pair_logps: list[FloatArray] | None
    answer_logps: list[FloatArray] | None


def _same_weights(one: _ModelOutputs, other: _ModelOutputs) -> bool:
    return one.identity.weights_sha256 == other.identity.weights_sha256


def _violations(
    measures: ObjectiveMeasures, rows: EvalRows, ours: ScoredAnswers, theirs: ScoredAnswers | None
) -> Iterator[PairedStatistic]:
    if measures.harms:
        yield from violation_measurements(measures.harm_table(rows, ours.measures, theirs.measures if theirs else None))


class _Evaluation:
    """One evaluation, from the task to the result; :meth:`execute` reads top to bottom."""

    def __init__(self, task: EvalTask, registry: Registry, context: RunContext) -> None:
        self.task, self.config, self.registry, self.context = task, task.config, registry, context
        self.sampling = Sampling(
            max_new_tokens=task.max_new_tokens,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            seed=task.seed,
            num_samples=self.config.num_samples,
        )
        self.tokenizer = load_tokenizer(self.config.model)
        self.base_tokenizer = load_tokenizer(self.config.baseline) if self.config.baseline else None
        self.notices = list(task.notices)

    def execute(self) -> EvaluationRecord:
        rows, base_rows = self._rows()
        for text in self.notices:
            self.context.note(text)
        with ExitStack() as until_the_end:
            scorer = self._set_up(until_the_end)
            model, base = self._read_both(rows, base_rows)
            ours = scorer.score(model.answers, model.identity, "model")
            theirs = scorer.score(base.answers, base.identity, "baseline") if base else None
            violated = list(_violations(scorer.measures, rows, ours, theirs))
        margins_B = self._margins(model, base)
        metrics = metrics_of_both(
            [*answer_statistics(scorer, ours, theirs), *violated, *self._compared(rows, model, base, margins_B)]
        )
        samples = side_by_side(rows, ours, theirs)
        judged = judge_samples(samples, self.config.judge, self.context, self.registry)
        metrics |= win_rate_metrics(judged)
        result = evaluation_record(
            self.sampling,
            model=model.identity,
            baseline=base.identity if base else None,
            data=DataDescription(
                description=self.task.data.description, fingerprint=self.task.data.fingerprint, split=self.task.split
            ),
            prompts=len(rows.prompts),
            pairs=len(rows.prompt_R) if self._has_pairs else 0,
            metrics=metrics,
            samples=tuple(samples[: self.config.samples]),
            judge=judged,
            verdicts=judge_all(self.task.thresholds, metrics),
            notices=tuple(self.notices),
            config=self.config.model_dump(mode="json", by_alias=True),
        )
        _write_evaluation(self.task.output_dir, result, samples, pair_margins(rows, margins_B))
        return result

    @property
    def _has_pairs(self) -> bool:
        return self.task.data.shape == "pairs"

    @cached_property
    def _comparable(self) -> bool:
        """Whether both models give log-probs to the same tokens."""
        return self.base_tokenizer is not None and same_tokens(self.tokenizer, self.base_tokenizer)

    def _rows(self) -> tuple[EvalRows, EvalRows]:
        """Return the rows as each of the two models reads them; they have the same prompts."""
        chosen = choose_prompts(self.task.rows, self.config.eval_prompts)
        limits, room = self.task.data_config, self.task.room
        on_date = self.config.model.chat_template_date
        rows = tokenize_rows(chosen, self.tokenizer, limits, self.context, room=room, on_date=on_date)
        if self.base_tokenizer is None or self._comparable:
            return rows, rows
        self.notices.append(
            "model and baseline have different tokenizers: accuracy, margin and kl, which compare the log-probs of the "
            "same tokens, are left out"
        )
        base_rows = tokenize_rows(chosen, self.base_tokenizer, limits, self.context, room=room, on_date=on_date)
        return same_prompts(rows, base_rows)

    def _set_up(self, until_the_end: ExitStack) -> AnswerScorer:
        """Set the objectives up, and check the names of the conditions before any model is loaded."""
        needs = replace(union_of_needs(self.task.objectives), token_counts=False)  # the training rows have no tokens
        train = completions(self.task.data.train, needs)
        for item in self.task.objectives:
            until_the_end.enter_context(self.context.guard.set_up(item, str(accelerator())))
            self.context.guard.fit(item, train)
        taken = self._own_names()
        measures = ObjectiveMeasures.of(self.task.objectives, taken, self.context)
        chosen = self._has_pairs or any(any(row) for row in self.task.rows["desirable"][:])
        check_names(
            self.task.thresholds,
            [*taken, *measures.all_names, *(violation_names(measures.categories) if chosen else ())],
        )
        return AnswerScorer(
            objectives=self.task.objectives,
            measures=measures,
            normalizers=self.task.normalizers,
            is_demo=self.task.is_demo,
        )

    def _own_names(self) -> list[str]:
        """Return the names of all metrics that are not an objective's own."""
        names = [f"reward/{item.label}" for item in self.task.objectives]
        names += [
            f"normalized_reward/{item.label}" for item in self.task.objectives if item.label in self.task.normalizers
        ]
        names += [name for name in FORM_NAMES if name != "length_ratio" or self.config.baseline]
        names += DEMO_NAMES if self.task.is_demo else ()
        names += WIN_RATE_NAMES if self.config.judge else ()
        if self._comparable:
            names += ["kl", *(("accuracy", "margin") if self._has_pairs else ())]
            names += ["accuracy/without_conflict"] if self.task.is_demo else []
        return names

    def _read_both(self, rows: EvalRows, base_rows: EvalRows) -> tuple[_ModelOutputs, _ModelOutputs | None]:
        model = self._read("model", self.config.model, rows, None)
        if self.config.baseline is None or self.base_tokenizer is None:
            return model, None
        answers = tokenized_answers(rows.prompts, model.answers)
        base = self._read("baseline", self.config.baseline, base_rows, answers)
        if _same_weights(model, base):
            text = "model and baseline have the same weights: accuracy and margin, which compare them, are left out"
            self.notices.append(text)
            self.context.warn(text)
        return model, base

    def _read(
        self, name: Whose, config: ModelConfig, rows: EvalRows, others: list[TokenizedRow] | None
    ) -> _ModelOutputs:
        """Read one model, which leaves the memory again; ``others`` are the model's answers, else it reads its own."""
        tokenizer = self.tokenizer if others is None else self.base_tokenizer
        assert tokenizer is not None  # noqa: S101 - there is a baseline
        reader = LoadedModel.load(name, config, tokenizer, rows.dataset, self.context)
        answers = reader.answers(rows, self.sampling, self.config.batch_size)
        pairs = own = None
        if self._comparable:
            pairs = reader.logps_of_data(rows.branches(), rows.trained()) if self._has_pairs else None
            own = reader.logps_of_answers(others or tokenized_answers(rows.prompts, answers))
        elif others is not None:
            answers = answers.counted_with(self.tokenizer)
        return _ModelOutputs(identity=reader.identity, answers=answers, pair_logps=pairs, answer_logps=own)

    def _margins(self, model: _ModelOutputs, base: _ModelOutputs | None) -> FloatArray | None:
        """Return the implicit margin of every pair, if both models give log-probs to the same tokens and differ."""
        if base is None or model.pair_logps is None or base.pair_logps is None or _same_weights(model, base):
            return None
        return implicit_margins(model.pair_logps, base.pair_logps, self.task.beta)

    def _compared(
        self, rows: EvalRows, model: _ModelOutputs, base: _ModelOutputs | None, margins_B: FloatArray | None
    ) -> Iterator[PairedStatistic]:
        """Yield what compares the log-probs of both models."""
        if base is not None and model.answer_logps is not None and base.answer_logps is not None:
            yield kl_measurement(model.answers, model.answer_logps, base.answer_logps)
        if margins_B is None:
            return
        yield from pair_measurements(margins_B, rows.prompt_R, len(rows.prompts))
        if self.task.is_demo:
            kept = [row for row, conflict in enumerate(conflicts(rows)) if not conflict]
            prompts = [rows.prompt_R[row] for row in kept]
            yield from pair_measurements(margins_B[kept], prompts, len(rows.prompts), part="without_conflict")


def _write_evaluation(
    folder: Path, result: EvaluationRecord, samples: Sequence[Sample], pairs: Sequence[PairMargin]
) -> None:
    """Write samples and pairs, and at last ``eval.json``: each whole or not at all.

    Args:
        folder: It is created.
        result: The evaluation.
        samples: One per answer.
        pairs: One per pair; without any there is no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    LineRecord.save_lines(folder / Sample.EVALUATION_FILE, samples)
    if pairs:
        LineRecord.save_lines(folder / PairMargin.FILE, pairs)
    else:
        (folder / PairMargin.FILE).unlink(missing_ok=True)  # of an earlier evaluation
    result.save(folder)
