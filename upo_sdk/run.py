"""``align``: the one call for those who embed the SDK, and what the command line calls."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from upo_sdk.cache import ContentCache, default_cache_dir
from upo_sdk.config import to_yaml
from upo_sdk.data import largest_token_id, longest_first
from upo_sdk.engine import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.errors import CancelledError, ConfigError, PluginError, TrainingError
from upo_sdk.evaluation import answer_rewards, compare_rewards, explain
from upo_sdk.events import Notice, PlanReady, RunFinished, emit
from upo_sdk.isolation import isolated
from upo_sdk.objectives.build import union_of_needs
from upo_sdk.objectives.guard import Guard
from upo_sdk.objectives.guarded_loss import GuardedLoss, culprit
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import (
    Branches,
    Policy,
    check_vocabulary,
    choose_layout,
    load_language_model,
    load_tokenizer,
)
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.result import AlignResult
from upo_sdk.scoring import NORMALIZATION_FILE, Rank, ZScore, to_json
from upo_sdk.scoring.score import FloatArray, score_completions
from upo_sdk.training import (
    CollapseWarning,
    Collator,
    EventBridge,
    Failures,
    MetricsFile,
    Preparation,
    RunFolder,
    Step,
    StopWhenCancelled,
    loss_record,
    make_manifest,
    measure_balance,
    model_card,
    normalized,
    now,
    read_balance,
    training_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

    from transformers import PreTrainedTokenizerBase, TrainerCallback

    from upo_sdk.config import PluginPolicy, RunConfig
    from upo_sdk.events import Callback, CancelToken, ScoreStatistics
    from upo_sdk.objectives.build import LiveObjective
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.training import PreparedRows, Split
    from upo_sdk.training.balance import RunBalance
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["align", "plan_run"]

_ROWS_MEASURED = 64


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
    registry = registry or load_registry(plugins or config.plugins)
    plan = plan_run(config, registry)
    added = [callback for _, group in registry.calls("upo_register_callbacks", run=plan) for callback in group or ()]
    folder = RunFolder.check(plan.config)
    with isolated():
        return _Run(plan, folder, (*callbacks, *added), cancel).execute()


def plan_run(config: RunConfig, registry: Registry) -> RunPlan:
    """Check everything that can be checked without work, and return the plan: what ``upo train --dry-run`` shows.

    Raises:
        UPOError: A plugin is broken, the configuration, data or run folder cannot be used, or a reviewer objects.
    """
    plan = make_plan(config, registry.check())
    plan = replace(plan, warnings=(*plan.warnings, *registry.remarks))
    vetoes = [(origin, reason) for origin, reason in registry.calls("upo_review_run", run=plan) if reason]
    if vetoes:
        raise PluginError(
            f"a reviewer refuses the run: {'; '.join(str(reason) for _, reason in vetoes)}",
            where=", ".join(origin for origin, _ in vetoes),
            fix="change what it objects to",
        )
    RunFolder.check(plan.config)
    return plan


class _Run:
    """One run, from the plan to the result; :meth:`execute` reads top to bottom."""

    def __init__(
        self, plan: RunPlan, folder: RunFolder, callbacks: tuple[Callback, ...], cancel: CancelToken | None
    ) -> None:
        self.plan, self.config = plan, plan.config
        self.folder, self.callbacks, self.cancel = folder, callbacks, cancel
        self.args = training_arguments(self.config.training, folder.path, evaluate=plan.data.eval is not None)
        self.cache = ContentCache(default_cache_dir() / "cache.sqlite")
        self.guard = Guard(self.config.plugins.timeout, lambda text: emit(callbacks, Notice("warning", text)))
        self.preparation = Preparation(plan, self.cache, self.guard, callbacks, cancel)
        skip = self.config.plugins.on_failure == "skip"
        self.failures = Failures(skip and self.args.world_size == 1, callbacks)  # ranks must agree on the terms
        self.normalizers: dict[str, ZScore | Rank] = {}

    def execute(self) -> AlignResult:
        self._announce()
        tokenizer = load_tokenizer(self.plan.model)
        with ExitStack() as until_the_end:
            self._set_up(until_the_end)
            train, held_out = self.preparation.tokenize(tokenizer)
            policy = self._policy(train)
            train, held_out = self._score(train, held_out)
            statistics = self.preparation.describe(train)
            train, held_out = self._normalize(train, held_out)
            weights = weights_sha256(policy.lm)
            manifest = self._manifest(weights, policy.layout.name, statistics)
            rows = self._rows(train, policy, weights)
            held_out_rows = self._rows(held_out, policy, weights) if held_out else None
            unified = self._unified(policy, train)
            manifest["loss"] = self._balance(unified, rows, train, policy, weights)
            before = list[FloatArray]()
            with self.failures.of_comparison(saved=False):
                before = self._answer_rewards(policy, tokenizer, held_out or train)
            if self.folder.resume_from:
                policy.lm = load_language_model(self.plan.model, str(self.folder.resume_from))
                policy.to(self.args.device)
            trainer = self._trainer(policy, tokenizer, rows, held_out_rows, unified)
            with self._recorded(trainer, manifest):
                self._train(trainer)
            after = list[FloatArray]()
            with self.failures.of_comparison(saved=True), suppress(CancelledError):  # only the comparison is left out
                if before and _finished(trainer):
                    after = self._answer_rewards(policy, tokenizer, held_out or train)
        result = self._result(trainer, statistics, held_out or train, before, after)
        if self._is_main:
            self.folder.write("README.md", model_card(self.plan, result))
            finished = {"finished": now(), "steps": result.steps, "explanation": result.explanation}
            self.folder.write_manifest({**manifest, "status": result.status, **finished})
        emit(self.callbacks, RunFinished(result))
        return result

    def _set_up(self, until_the_end: ExitStack) -> None:
        for item in self.plan.objectives:
            with self.failures.of(item):
                until_the_end.enter_context(self.guard.set_up(item, str(self.args.device)))
        self._leave_out_skipped()

    def _score(self, train: Split, held_out: Split | None) -> tuple[Split, Split | None]:
        """Fit and score with one auxiliary objective after the other."""
        for item in self.plan.auxiliary:
            with self.failures.of(item):
                self.guard.fit(item, train.completions)
                scored = self.preparation.score(train, item)
                held_out = self.preparation.score(held_out, item) if held_out else None
                train = scored
        self._leave_out_skipped()
        return train, held_out

    def _normalize(self, train: Split, held_out: Split | None) -> tuple[Split, Split | None]:
        """Normalise the rewards by the training split, or as the run that is resumed did."""
        resumed = self.folder.resume_from
        self.normalizers = self.preparation.normalizers(train, resumed.parent if resumed else None)
        normalize = self.preparation.normalize
        return normalize(train, self.normalizers), normalize(held_out, self.normalizers) if held_out else None

    def _leave_out_skipped(self) -> None:
        self.plan = self.failures.without_skipped(self.plan)
        self.preparation = replace(self.preparation, plan=self.plan)

    @property
    def _is_main(self) -> bool:
        return bool(self.args.process_index == 0)

    @contextmanager
    def _recorded(self, trainer: UPOTrainer, manifest: dict[str, Any]) -> Generator[None]:
        """Open the run folder once every rank has checked it; say in the manifest that the run goes on, or failed."""
        trainer.accelerator.wait_for_everyone()
        if self._is_main:
            self.folder.open()
            self.folder.write("config.resolved.yaml", to_yaml(self.config))
            if self.normalizers:
                self.folder.write(NORMALIZATION_FILE, to_json(self.normalizers))
            self.folder.write_manifest({**manifest, "status": "running"})
        try:
            yield
        except Exception as error:
            if self._is_main:
                self.folder.write_manifest({**manifest, "status": "failed", "error": str(error)})
            raise

    def _announce(self) -> None:
        emit(self.callbacks, PlanReady(self.plan))
        for text in self.plan.notices:
            emit(self.callbacks, Notice("info", text))
        for text in self.plan.warnings:
            emit(self.callbacks, Notice("warning", text))

    def _policy(self, train: Split) -> Policy:
        lm = load_language_model(self.plan.model)
        check_vocabulary(lm, largest_token_id(train.dataset), self.plan.model.path)
        lm.to(self.args.device)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
        some = longest_first(train.dataset, _ROWS_MEASURED)
        rows = [Branches(*row) for row in zip(some["prompt_ids"], some["response_ids"], strict=True)]
        training = self.config.training
        chosen = choose_layout(lm, rows, training.layout, caches=not training.gradient_checkpointing)
        emit(self.callbacks, Notice("info", chosen.reason))
        return Policy(lm, chosen.layout)

    def _manifest(self, weights: str, layout: str, statistics: Sequence[ScoreStatistics]) -> dict[str, Any]:
        return make_manifest(
            self.plan,
            weights_sha256=weights,
            statistics=statistics,
            normalizers=self.normalizers,
            layout=layout,
            resumed_from=self.folder.resume_from,
            skipped=self.failures.skipped,
        )

    def _rows(self, split: Split, policy: Policy, weights: str) -> PreparedRows:
        batch_size = 2 * self.args.per_device_eval_batch_size
        return self.preparation.rows(split, policy, weights=weights, batch_size=batch_size)

    def _answer_rewards(self, policy: Policy, tokenizer: PreTrainedTokenizerBase, split: Split) -> list[FloatArray]:
        """Let the model answer ``eval_prompts`` prompts and score the answers with every auxiliary objective."""
        count = min(self.config.eval_prompts or 0, len(split.dataset))
        needs = union_of_needs(self.plan.auxiliary)
        if not count or not self.plan.auxiliary or needs.columns or needs.score_columns:
            return []
        rewards = answer_rewards(
            policy.lm,
            tokenizer,
            split.dataset.select(range(count)),
            self.plan.auxiliary,
            partial(score_completions, cache=self.cache, guard=self.guard),
            max_new_tokens=self.config.eval_max_new_tokens,
            seed=self.config.training.seed,
            on_progress=self.preparation.progress(f"answering {split.name} prompts", "prompts"),
        )
        return normalized(self.plan.auxiliary, rewards, self.normalizers)

    def _unified(self, policy: Policy, train: Split) -> UnifiedLoss:
        torch.manual_seed(self.config.training.seed)  # the value head's first weights
        learned = self.plan.auxiliary and self.config.loss.baseline == "value"
        return UnifiedLoss(
            [
                PreferenceTerm(item.label, item.weight, GuardedLoss(item, self.guard), item.schedule)
                for item in self.plan.preference
            ],
            [
                AuxiliaryTerm(item.label, item.weight, float(rewards.mean()), item.schedule)
                for item, rewards in zip(self.plan.auxiliary, train.rewards, strict=True)
            ],
            self.config.loss,
            hidden_size=policy.hidden_size if learned else None,
        )

    def _balance(
        self, unified: UnifiedLoss, rows: PreparedRows, train: Split, policy: Policy, weights: str
    ) -> dict[str, Any]:
        """Set γ where the data decides it; return what the manifest says of the loss."""
        measured, asked, resumed = None, self.config.loss, self.folder.resume_from
        if asked.scale == "balanced" and self.plan.auxiliary:
            kept = read_balance(resumed.parent, unified, asked) if resumed else None
            measured = kept or self._measured(unified, rows, train, policy, weights)
            unified.config = measured.found.applied_to(asked)
            emit(self.callbacks, Notice("info", measured.describe([item.label for item in self.plan.auxiliary])))
        return loss_record(unified, asked, measured)

    def _measured(
        self, unified: UnifiedLoss, rows: PreparedRows, train: Split, policy: Policy, weights: str
    ) -> RunBalance:
        batch_size = 2 * self.args.per_device_eval_batch_size
        sample = self.preparation.sample(rows, train, policy, weights=weights, batch_size=batch_size)
        return measure_balance(unified, sample, self.args.device)

    def _trainer(
        self,
        policy: Policy,
        tokenizer: PreTrainedTokenizerBase,
        rows: PreparedRows,
        held_out_rows: PreparedRows | None,
        unified: UnifiedLoss,
    ) -> UPOTrainer:
        from upo_sdk.training.batching import epoch_batches
        from upo_sdk.training.trainer import UPOTrainer  # heavy, and not needed by a run that is refused

        watchers: list[TrainerCallback] = [
            EventBridge(self.callbacks),
            MetricsFile(self.folder.path / "metrics.jsonl"),
            CollapseWarning(self.callbacks),
            *([StopWhenCancelled(self.cancel)] if self.cancel else []),
        ]
        try:
            return UPOTrainer(
                policy,
                Step(
                    unified=unified,
                    beta=_beta(self.plan.preference),
                    probe_steps=self.config.training.probe_steps,
                ),
                self.args,
                collator=Collator(policy.layout),
                train_rows=rows,
                eval_rows=held_out_rows,
                tokenizer=tokenizer,
                callbacks=watchers,
                batches=epoch_batches(
                    rows,
                    self.config.training,
                    layout=policy.layout.name,
                    ranks=self.args.world_size,
                    warn=lambda text: emit(self.callbacks, Notice("warning", text)),
                ),
            )
        except (RuntimeError, ImportError) as error:  # a tracker of --report_to that is not installed
            raise ConfigError(
                f"the trainer cannot be built: {error}", where="training", fix="install what it names, or leave it out"
            ) from error

    def _train(self, trainer: UPOTrainer) -> None:
        try:
            trainer.train(resume_from_checkpoint=str(self.folder.resume_from) if self.folder.resume_from else None)
            trainer.require_finite({})
        except TrainingError as error:
            losses = [term.objective for term in trainer.step.unified.preference]
            raise (culprit(losses) or error) from error.__cause__
        if _finished(trainer):  # else the checkpoint is the result; a model beside it would look finished
            if trainer.eval_dataset is not None:
                trainer.evaluate()
            trainer.save_model(str(self.folder.path))
        trainer.log_summary()

    def _result(
        self,
        trainer: UPOTrainer,
        statistics: tuple[ScoreStatistics, ...],
        split: Split,
        before: list[FloatArray],
        after: list[FloatArray],
    ) -> AlignResult:
        metrics = {name: value for row in trainer.state.log_history for name, value in row.items()}
        compared = tuple(
            compare_rewards(item.label, old, new, split=split.name, seed=self.config.training.seed)
            for item, old, new in zip(self.plan.auxiliary, before, after, strict=False)
        )
        gate_opened = trainer.state.global_step > self.config.loss.gate_steps
        labels = [item.label for item in self.plan.auxiliary]
        return AlignResult(
            status="completed" if _finished(trainer) else "cancelled",
            output_dir=self.folder.path,
            steps=trainer.state.global_step,
            metrics=metrics,
            statistics=statistics,
            before_after=compared,
            checkpoint=self.folder.newest_checkpoint(),
            explanation=explain(compared, metrics, auxiliary=labels, gate_opened=gate_opened),
        )


def _finished(trainer: UPOTrainer) -> bool:
    return trainer.state.global_step >= trainer.state.max_steps


def _beta(preference: Sequence[LiveObjective]) -> float:
    return next((float(getattr(item.options, "beta", 1.0)) for item in preference), 1.0)
