"""``evaluate``: a model's own answers beside a baseline's, measured with intervals, written to ``eval.json``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from upo_sdk.cache import ContentCache, default_cache_dir
from upo_sdk.data import completions
from upo_sdk.evaluation.diversity import form_measurements
from upo_sdk.evaluation.generation import Sampling
from upo_sdk.evaluation.measurement import Measurement, to_metrics
from upo_sdk.evaluation.output import write
from upo_sdk.evaluation.pairs import implicit_margins, pair_measurements
from upo_sdk.evaluation.progress import Reporter
from upo_sdk.evaluation.reading import ModelReader, accelerator
from upo_sdk.evaluation.rows import EvalRows, choose_prompts, tokenize_rows
from upo_sdk.evaluation.samples import side_by_side
from upo_sdk.evaluation.schema import DataDescription, Evaluation, ModelIdentity
from upo_sdk.evaluation.task import EvalTask, plan_evaluation
from upo_sdk.evaluation.thresholds import judge_all
from upo_sdk.isolation import isolated
from upo_sdk.objectives.build import union_of_needs
from upo_sdk.objectives.guard import Guard
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import load_tokenizer
from upo_sdk.scoring import score_completions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from upo_sdk.config import EvalConfig, ModelConfig
    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.scoring.score import FloatArray

__all__ = ["evaluate"]


def evaluate(
    config: EvalConfig,
    *,
    registry: Registry | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Evaluate a model and return what was measured, which is also written to ``eval.json`` and ``eval-samples.jsonl``.

    What is expensive is cached by content: answers, rewards and log-probs are computed once, whichever evaluation or
    run asks for them, and a killed evaluation goes on where it was. Nothing is printed, and the random state of the
    process is left as it was.

    Args:
        config: Which model, against which baseline, on what.
        registry: Loaded plugins; by default they are loaded as ``config.plugins`` says.
        callbacks: Receive notices and progress.
        cancel: Anything with ``is_set()``; once set, the evaluation ends within a batch.

    Raises:
        UPOError: Something the user can mend; its message says what, where and how.
    """
    registry = registry or load_registry(config.plugins)
    task = plan_evaluation(config, registry.check())
    with isolated():
        return _Evaluation(task, Reporter(tuple(callbacks), cancel)).execute()


class _Evaluation:
    """One evaluation, from the task to the result; :meth:`execute` reads top to bottom."""

    def __init__(self, task: EvalTask, reporter: Reporter) -> None:
        self.task, self.config, self.reporter = task, task.config, reporter
        self.cache = ContentCache(default_cache_dir() / "cache.sqlite")
        self.guard = Guard(self.config.plugins.timeout, reporter.warn)
        self.sampling = Sampling(
            max_new_tokens=task.max_new_tokens,
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            seed=self.config.seed,
        )
        self.tokenizer = load_tokenizer(self.config.model)

    def execute(self) -> Evaluation:
        for text in self.task.notices:
            self.reporter.note(text)
        chosen = choose_prompts(self.task.rows, self.config.eval_prompts)
        rows = tokenize_rows(chosen, self.tokenizer, self.task.data_config, self.reporter)
        with ExitStack() as until_the_end:
            self._set_up(until_the_end)
            model, ours, our_logps = self._read("model", self.config.model, rows)
            base, theirs, their_logps = None, None, None
            if self.config.baseline is not None:
                base, theirs, their_logps = self._read("baseline", self.config.baseline, rows)
            rewards = self._rewards(ours, theirs)
        measurements = [
            *self._reward_measurements(rewards, ours, theirs),
            *form_measurements(ours, theirs),
            *self._pair_measurements(rows, our_logps, their_logps),
        ]
        metrics = to_metrics(measurements)
        samples = side_by_side(rows, ours, theirs, rewards)
        result = Evaluation(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            model=model,
            baseline=base,
            data=DataDescription(
                description=self.task.data.description, fingerprint=self.task.data.fingerprint, split=self.task.split
            ),
            seed=self.config.seed,
            num_samples=self.config.num_samples,
            prompts=len(rows.prompts),
            pairs=len(rows.prompt_R) if self.task.data.shape == "pairs" else 0,
            metrics=metrics,
            samples=samples[: self.config.samples],
            verdicts=judge_all(self.task.thresholds, metrics),
            notices=self.task.notices,
            config=self.config.model_dump(mode="json", by_alias=True),
        )
        lines = [sample.model_dump_json() + "\n" for sample in samples]
        write(self.task.output_dir / "eval-samples.jsonl", "".join(lines))
        write(self.task.output_dir / "eval.json", json.dumps(result.model_dump(mode="json"), indent=2) + "\n")
        return result

    def _set_up(self, until_the_end: ExitStack) -> None:
        needs = union_of_needs(self.task.objectives)
        for item in self.task.objectives:
            until_the_end.enter_context(self.guard.set_up(item, str(accelerator())))
            if not needs.token_counts:
                self.guard.fit(item, completions(self.task.data.train, needs))

    def _read(
        self, name: str, config: ModelConfig, rows: EvalRows
    ) -> tuple[ModelIdentity, Answers, list[FloatArray] | None]:
        """Return who the model is, its answers, and the log-probs it gives to the data's pairs."""
        reader = ModelReader.load(name, config, load_tokenizer(config), rows.dataset, self.cache, self.reporter)
        answers = reader.answers(
            rows.prompts,
            self.sampling,
            num_samples=self.config.num_samples,
            batch_size=self.config.batch_size,
            count_with=self.tokenizer,
        )
        logps = None
        if self.task.data.shape == "pairs" and self.config.baseline is not None:
            logps = reader.logps(rows.branches(), "held-out responses")
        return ModelIdentity(path=config.path, weights_sha256=reader.weights), answers, logps

    def _rewards(self, ours: Answers, theirs: Answers | None) -> dict[str, tuple[FloatArray, FloatArray | None]]:
        return {
            item.label: (
                score_completions(item, ours.completions, self.cache, guard=self.guard),
                score_completions(item, theirs.completions, self.cache, guard=self.guard) if theirs else None,
            )
            for item in self.task.objectives
        }

    def _reward_measurements(
        self, rewards: Mapping[str, tuple[FloatArray, FloatArray | None]], ours: Answers, theirs: Answers | None
    ) -> Iterator[Measurement]:
        for label, (mine, other) in rewards.items():
            yield Measurement(
                name=f"reward/{label}",
                model=ours.mean(mine),
                baseline=theirs.mean(other) if theirs is not None and other is not None else None,
                better="higher",
                unit="reward",
            )

    def _pair_measurements(self, rows: EvalRows, ours: Any, theirs: Any) -> Iterator[Measurement]:
        if ours is None or theirs is None:
            return
        margins_B = implicit_margins(ours, theirs, self.task.beta)
        yield from pair_measurements(margins_B, rows.prompt_R, len(rows.prompts))
