"""``align``: the one call for those who embed the SDK, and what the command line calls."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from upo_sdk.cache import ContentCache, default_cache_dir
from upo_sdk.config import PluginPolicy, RunConfig, to_yaml
from upo_sdk.data import completions, tokenize
from upo_sdk.engine import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.errors import ObjectiveFailedError, PluginError, UPOError
from upo_sdk.evaluation import compare_rewards, explain, generate_responses
from upo_sdk.events import Notice, PlanReady, Progress, RunFinished, ScoresReady, emit
from upo_sdk.objectives import Completion, FittedToData
from upo_sdk.objectives.build import union_of_needs
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import PaddedLayout, Policy, load_language_model, load_tokenizer, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.result import AlignResult
from upo_sdk.scoring import data_baseline, describe_scores, score_completions
from upo_sdk.training import (
    CollapseWarning,
    Collator,
    EventBridge,
    MetricsFile,
    Step,
    StopWhenCancelled,
    UPOTrainer,
    training_arguments,
)
from upo_sdk.training.manifest import describe_objectives, describe_software, now
from upo_sdk.training.model_card import model_card
from upo_sdk.training.prepare import prepare_rows, row_rewards, with_reference
from upo_sdk.training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, TrainingArguments

    from upo_sdk.events import Callback, CancelToken, ScoreStatistics
    from upo_sdk.objectives.build import LiveObjective
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.result import BeforeAfter
    from upo_sdk.scoring.score import FloatArray
    from upo_sdk.training import PreparedRows

__all__ = ["align"]

_TAKING_TURNS = threading.Lock()
"""transformers and accelerate keep random state and gradient state per process, so runs in one process take turns."""


def align(
    config: RunConfig,
    *,
    registry: Registry | None = None,
    plugins: PluginPolicy | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
) -> AlignResult:
    """Align a model and return what happened; the run folder holds the model.

    Nothing is printed, logged or set in the environment, and the random state of the process is left as it was. Two
    calls in two threads take turns.

    Args:
        config: What to align, on what, towards what, and how.
        registry: Loaded plugins; by default they are loaded as ``plugins`` says.
        plugins: Which third-party distributions may load; ``config.plugins`` by default (built-ins only).
        callbacks: Receive the events of this run.
        cancel: Anything with ``is_set()``; once set, the run ends at the next step with a usable checkpoint.

    Raises:
        UPOError: Something the user can mend; its message says what, where and how.
    """
    registry = (registry or load_registry(plugins or config.plugins)).check()
    plan = make_plan(config, registry)
    for origin, reason in registry.calls("upo_review_run", run=plan):
        if reason:
            raise PluginError(
                f"the run was refused: {reason}", where=origin, fix="satisfy the reviewer, or ask its owner"
            )
    added = [callback for _, group in registry.calls("upo_register_callbacks", run=plan) for callback in group or ()]
    folder = RunFolder.check(plan.config)
    with _TAKING_TURNS, _own_random_state():
        return _Run(plan, folder, (*callbacks, *added), cancel).execute()


@contextmanager
def _own_random_state() -> Iterator[None]:
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - what transformers seeds
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield
    random.setstate(python)
    np.random.set_state(legacy)  # noqa: NPY002


@dataclass(frozen=True, slots=True)
class _Split:
    """One tokenised split with the rewards of every auxiliary objective."""

    dataset: Dataset
    completions: Sequence[Completion]
    rewards: Sequence[FloatArray]


class _Run:
    """One run, from the plan to the result; its methods follow each other in :meth:`execute`."""

    def __init__(
        self, plan: RunPlan, folder: RunFolder, callbacks: tuple[Callback, ...], cancel: CancelToken | None
    ) -> None:
        self.plan = plan
        self.config = plan.config
        self.folder = folder
        self.callbacks = callbacks
        self.cancel = cancel
        self.cache = ContentCache(default_cache_dir() / "cache.sqlite")
        self.needs = union_of_needs(plan.objectives)

    def execute(self) -> AlignResult:
        """Do everything in order."""
        self._announce()
        args = training_arguments(self.config.training, self.folder.path, evaluate=self.plan.data.eval is not None)
        tokenizer = load_tokenizer(self.plan.model)
        train, evaluation = self._tokenize(tokenizer)
        policy = Policy(load_language_model(self.plan.model), PaddedLayout())
        with _set_up(self.plan.objectives, str(args.device)):
            self._fit(train)
            train, evaluation = self._score(train, "training"), self._score(evaluation, "held-out")
            statistics = self._describe(train)
            policy.to(args.device)
            manifest = self._manifest(policy, statistics)
            rows, eval_rows = self._rows(train, policy, args), self._rows(evaluation, policy, args)
            before = self._sample(policy, tokenizer, evaluation or train)
            if self.folder.resume_from:
                policy.lm = load_language_model(self.plan.model, str(self.folder.resume_from)).to(args.device)
            self.folder.open()
            self.folder.write("config.resolved.yaml", to_yaml(self.config))
            self.folder.write_manifest({**manifest, "status": "running"})
            trainer = self._trainer(policy, tokenizer, args, rows, eval_rows)
            metrics = self._train(trainer)
            cancelled = bool(self.cancel and self.cancel.is_set())
            compared = [] if cancelled else self._compare(before, policy, tokenizer, evaluation or train)
        return self._finish(trainer, manifest, metrics, statistics, compared, cancelled=cancelled)

    def _announce(self) -> None:
        emit(self.callbacks, PlanReady(self.plan))
        for text in self.plan.notices:
            emit(self.callbacks, Notice("info", text))
        for text in self.plan.warnings:
            emit(self.callbacks, Notice("warning", text))

    def _progress(self, task: str, unit: str) -> Callable[[int, int], None]:
        return lambda done, total: emit(self.callbacks, Progress(task, done, total, unit))

    def _tokenize(self, tokenizer: PreTrainedTokenizerBase) -> tuple[_Split, _Split | None]:
        data, limits = self.plan.data, self.plan.data_config
        splits: list[_Split | None] = []
        for split in (data.train, data.eval):
            if split is None:
                splits.append(None)
                continue
            tokenized = tokenize(
                split, tokenizer, max_length=limits.max_length, max_prompt_length=limits.max_prompt_length
            )
            if tokenized.report.tokens_dropped:
                emit(self.callbacks, Notice("warning", tokenized.report.describe()))
            texts = completions(tokenized.dataset, columns=self.needs.columns, token_counts=self.needs.token_counts)
            splits.append(_Split(tokenized.dataset, texts, ()))
        train, evaluation = splits
        assert train is not None  # noqa: S101 - training data is never missing
        return train, evaluation

    def _fit(self, train: _Split) -> None:
        for item in self.plan.auxiliary:
            if isinstance(item.objective, FittedToData):
                item.objective.fit(train.completions)

    def _score(self, split: Any, which: str) -> Any:
        if split is None:
            return None
        rewards = [
            score_completions(
                item,
                split.completions,
                self.cache,
                on_progress=self._progress(f"scoring {which} completions with {item.label}", "completions"),
            )
            for item in self.plan.auxiliary
        ]
        return replace(split, rewards=rewards)

    def _describe(self, train: _Split) -> tuple[ScoreStatistics, ...]:
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

    def _rows(self, split: _Split | None, policy: Policy, args: TrainingArguments) -> Any:
        if split is None:
            return None
        rewards = row_rewards(split.rewards, [len(row) for row in split.dataset["response_ids"]])
        rows = prepare_rows(
            split.dataset,
            rewards,
            self._data_baseline(split, rewards),
            mismatched=self.needs.kl,
            max_length=self.plan.data_config.max_length,
        )
        if not self.needs.reference:
            return with_reference(rows, None)
        return with_reference(
            rows,
            lambda branches: reference_logps(
                policy,
                branches,
                self.cache,
                batch_size=2 * args.per_device_eval_batch_size,
                device=args.device,
                on_progress=self._progress("reference log-probs", "responses"),
            ),
        )

    def _data_baseline(self, split: _Split, rewards: Sequence[FloatArray]) -> FloatArray | None:
        loss = self.config.loss
        if loss.baseline not in {"soft", "prompt-mean"} or not self.plan.auxiliary:
            return None
        weights_K = np.array([item.weight for item in self.plan.auxiliary])
        return data_baseline(
            loss.baseline, split.dataset["prompt"][:], [row @ weights_K for row in rewards], loss.lambda_
        )

    def _trainer(
        self,
        policy: Policy,
        tokenizer: PreTrainedTokenizerBase,
        args: TrainingArguments,
        rows: PreparedRows,
        eval_rows: PreparedRows | None,
    ) -> UPOTrainer:
        torch.manual_seed(self.config.training.seed)
        learned = self.plan.auxiliary and self.config.loss.baseline == "value"
        unified = UnifiedLoss(
            [PreferenceTerm(item.label, item.weight, item.preference) for item in self.plan.preference],
            [AuxiliaryTerm(item.label, item.weight) for item in self.plan.auxiliary],
            self.config.loss,
            hidden_size=policy.hidden_size if learned else None,
        )
        watchers = [
            EventBridge(self.callbacks),
            MetricsFile(self.folder.path / "metrics.jsonl"),
            CollapseWarning(self.callbacks),
            *([StopWhenCancelled(self.cancel)] if self.cancel else []),
        ]
        return UPOTrainer(
            policy,
            Step(unified=unified, beta=_beta(self.plan.preference)),
            args,
            collator=Collator(policy.layout),
            train_rows=rows,
            eval_rows=eval_rows,
            tokenizer=tokenizer,
            callbacks=watchers,
        )

    def _train(self, trainer: UPOTrainer) -> dict[str, float]:
        resume_from = str(self.folder.resume_from) if self.folder.resume_from else None
        trainer.train(resume_from_checkpoint=resume_from)
        trainer.require_finite({})
        if trainer.eval_dataset is not None and not (self.cancel and self.cancel.is_set()):
            trainer.evaluate()
        trainer.save_model(str(self.folder.path))
        return {name: value for row in trainer.state.log_history for name, value in row.items()}

    def _sample(self, policy: Policy, tokenizer: PreTrainedTokenizerBase, split: _Split) -> list[FloatArray]:
        """Generate on the evaluation prompts and return every auxiliary objective's rewards of the answers."""
        count = self.config.eval_prompts or 0
        if not count or not self.plan.auxiliary:
            return []
        chosen = split.dataset.select(range(min(count, len(split.dataset))))
        responses = generate_responses(
            policy.lm,
            tokenizer,
            chosen["prompt_ids"][:],
            max_new_tokens=self.config.eval_max_new_tokens,
            seed=self.config.training.seed,
            on_progress=self._progress("answering held-out prompts", "prompts"),
        )
        answers = [
            Completion(prompt, response, token_count=len(tokenizer(response, add_special_tokens=False)["input_ids"]))
            for prompt, response in zip(chosen["prompt"][:], responses, strict=True)
        ]
        return [score_completions(item, answers, self.cache) for item in self.plan.auxiliary]

    def _compare(
        self, before: list[FloatArray], policy: Policy, tokenizer: PreTrainedTokenizerBase, split: _Split
    ) -> list[BeforeAfter]:
        after = self._sample(policy, tokenizer, split)
        return [
            compare_rewards(item.label, old, new, seed=self.config.training.seed)
            for item, old, new in zip(self.plan.auxiliary if before else (), before, after, strict=True)
        ]

    def _manifest(self, policy: Policy, statistics: tuple[ScoreStatistics, ...]) -> dict[str, Any]:
        return {
            "started": now(),
            "software": describe_software(),
            "model": {"path": self.plan.model.path, "weights_sha256": weights_sha256(policy.lm)},
            "data": {"description": self.plan.data.description, "fingerprint": self.plan.data.fingerprint},
            "objectives": describe_objectives(self.plan.objectives),
            "scores": [{name: getattr(item, name) for name in item.__dataclass_fields__} for item in statistics],
            "seed": self.config.training.seed,
            "layout": policy.layout.name,
            "resumed_from": str(self.folder.resume_from) if self.folder.resume_from else None,
        }

    def _finish(
        self,
        trainer: UPOTrainer,
        manifest: dict[str, Any],
        metrics: dict[str, float],
        statistics: tuple[ScoreStatistics, ...],
        compared: list[BeforeAfter],
        *,
        cancelled: bool,
    ) -> AlignResult:
        sentences = explain(
            compared,
            metrics,
            auxiliary=[item.label for item in self.plan.auxiliary],
            gate_opened=trainer.state.global_step > self.config.loss.gate_steps,
        )
        result = AlignResult(
            status="cancelled" if cancelled else "completed",
            output_dir=self.folder.path,
            steps=trainer.state.global_step,
            metrics=metrics,
            statistics=statistics,
            before_after=tuple(compared),
            checkpoint=self.folder.newest_checkpoint(),
            explanation=sentences,
        )
        self.folder.write("README.md", model_card(self.plan, result))
        self.folder.write_manifest(
            {**manifest, "status": result.status, "finished": now(), "steps": result.steps, "explanation": sentences}
        )
        emit(self.callbacks, RunFinished(result))
        return result


@contextmanager
def _set_up(objectives: Sequence[LiveObjective], device: str) -> Iterator[None]:
    """Set every objective up and close those that were, whatever happens."""
    with ExitStack() as stack:
        for item in objectives:
            try:
                item.objective.setup(device)
            except UPOError:
                raise
            except Exception as error:
                raise ObjectiveFailedError(
                    f"the objective '{item.label}' could not be set up: {type(error).__name__}: {error}",
                    where=f"{item.target} of {item.distribution} {item.version}".rstrip(),
                    fix="mend the objective or leave it out",
                ) from error
            stack.callback(item.objective.close)
        yield


def _beta(preference: Sequence[LiveObjective]) -> float:
    return next((float(getattr(item.options, "beta", 1.0)) for item in preference), 1.0)
