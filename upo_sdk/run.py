"""``align``: the one call for those who embed the SDK, and what the command line calls."""

from __future__ import annotations

import os
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from upo_sdk.cache import cache_in_use
from upo_sdk.config import to_yaml
from upo_sdk.context import RunContext
from upo_sdk.data import BAD_ROWS_FILE, list_bad_rows
from upo_sdk.errors import CancelledError, PluginError
from upo_sdk.events import PlanReady, Progress, RunFinished, emit
from upo_sdk.isolation import isolated
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import load_language_model, load_tokenizer
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.publish import CARD_FILE, check_hub, model_card, push_after_run, reserve_repository
from upo_sdk.records import LineRecord, Sample, TrainedWith
from upo_sdk.report import write_report_or_warn
from upo_sdk.scoring import NORMALIZATION_FILE, Rank, ZScore, to_json
from upo_sdk.training import (
    Assembly,
    Comparison,
    Failures,
    Preparation,
    RunFolder,
    Tracking,
    check_trackers,
    check_unchanged,
    checked_arguments,
    describe_rewards,
    describe_run,
    describe_training,
    ended,
    is_finished,
    rehearse,
    set_gamma,
    train_to_the_end,
    training_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import PluginPolicy, RunConfig
    from upo_sdk.data import BadRow
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.loss import UnifiedLoss
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.policy import Policy
    from upo_sdk.records import RunLoss, RunRecord, ScoreStatistics
    from upo_sdk.training import PreparedRows, Split
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["align", "plan_run"]


@cache_in_use()
def align(
    config: RunConfig,
    *,
    registry: Registry | None = None,
    plugins: PluginPolicy | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
    command: Sequence[str] = (),
) -> RunRecord:
    """Align a model and return what happened; the run folder holds the model.

    Nothing is printed, logged or set in the environment, and the random state of the process is left as it was. Two
    calls in two threads take turns.

    Args:
        config: What to align, on what, towards what, and how.
        registry: Loaded plugins; by default they are loaded as ``plugins`` says.
        plugins: Which third-party distributions may load; ``config.plugins`` by default (built-ins only).
        callbacks: Receive the events of this run.
        cancel: Anything with ``is_set()``; once set, the run ends at the next step with a usable checkpoint.
        command: What the user typed, word by word, for ``run.json`` and the report.

    Raises:
        UPOError: Something the user can fix; its message says what, where and how.
    """
    registry = registry or load_registry(plugins or config.plugins)
    emit(tuple(callbacks), Progress("reading model and data", 0, 1, "plan"))
    plan = plan_run(config, registry)
    emit(tuple(callbacks), Progress("reading model and data", 1, 1, "plan"))
    added = [callback for _, group in registry.calls("upo_register_callbacks", run=plan) for callback in group or ()]
    folder = RunFolder.of(plan.config)
    reserve_repository(plan.config)
    with isolated():
        context = RunContext.of((*callbacks, *added), cancel, timeout=plan.config.plugins.timeout)
        return _Run(plan, folder, context, command).execute()


@cache_in_use()
def plan_run(config: RunConfig, registry: Registry) -> RunPlan:
    """Check everything that can be checked without work, and return the plan: what ``upo train --dry-run`` shows.

    Raises:
        UPOError: A plugin is broken, the configuration, data or run folder cannot be used, or a reviewer objects.
    """
    check_trackers(config.training.report_to)
    checked_arguments(config.training)
    plan = make_plan(config, registry.check())
    plan = replace(plan, warnings=(*plan.warnings, *rehearse(plan), *registry.warnings))
    vetoes = [(origin, reason) for origin, reason in registry.calls("upo_review_run", run=plan) if reason]
    if vetoes:
        raise PluginError(
            f"a reviewer refuses the run: {'; '.join(str(reason) for _, reason in vetoes)}",
            where=", ".join(origin for origin, _ in vetoes),
            fix="change what it objects to",
        )
    plan = _with_checkpoint(plan)
    return replace(plan, config=check_hub(plan.config))


def _with_checkpoint(plan: RunPlan) -> RunPlan:
    """Check the run folder; of a run that is resumed, choose the checkpoint and compare what it was trained with."""
    folder = RunFolder.check(plan.config)
    if folder.resume_from is None:
        return plan
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    planned = describe_training(plan, load_tokenizer(plan.model), ranks)
    changed = check_unchanged(folder.resume_from, planned, plan.config.training.allow_changed)
    warnings = [*folder.passed_over, *(f"resumed although {name} changed: {text}" for name, text in changed.items())]
    config = plan.config.model_copy(update={"resume_from_checkpoint": str(folder.resume_from)})
    return replace(plan, config=config, warnings=(*plan.warnings, *warnings))


class _Run:
    """One run, from the plan to the result; :meth:`execute` reads top to bottom."""

    def __init__(self, plan: RunPlan, folder: RunFolder, context: RunContext, command: Sequence[str]) -> None:
        self.plan, self.config, self.command = plan, plan.config, command
        self.folder, self.context = folder, context
        self.args = training_arguments(self.config.training, folder.path, evaluate=plan.data.eval is not None)
        self.is_main, self.batch_size = self.args.process_index == 0, 2 * self.args.per_device_eval_batch_size
        self.preparation = Preparation(plan, context)
        alone = self.args.world_size == 1  # else all ranks would have to agree on the terms that are left
        self.failures = Failures(alone and self.config.plugins.on_failure == "skip", context)
        self.tracking = Tracking(
            check_trackers(self.config.training.report_to),
            folder.path,
            self.config.model_dump(mode="json", by_alias=True),
            context.notice,
        )
        self.normalizers: dict[str, ZScore | Rank] = {}
        self.trained_with = TrainedWith()

    def execute(self) -> RunRecord:
        self._announce()
        tokenizer = load_tokenizer(self.plan.model)
        with ExitStack() as until_the_end:
            self._set_up(until_the_end)
            train, held_out = self.preparation.tokenize(tokenizer)
            policy = self._assembly.policy(*filter(None, (train, held_out)))
            weights = weights_sha256(policy.lm)
            self._compare_with_checkpoint(tokenizer, weights)
            train, held_out = self._score(train, held_out)
            self._compare_with_checkpoint(tokenizer, weights)  # again: an objective may have been skipped
            statistics = self.preparation.describe(train)
            train, held_out = self._normalize(train, held_out)
            rows = self._rows(train, policy, weights)
            held_out_rows = self._rows(held_out, policy, weights) if held_out else None
            unified = self._assembly.loss(policy, train)
            loss = self._set_gamma(unified, rows, train, policy, tokenizer, weights, statistics)
            run = self._describe(policy.layout.name, statistics, loss, train, held_out)
            comparison = before = evaluation = None
            with self.failures.of_comparison(saved=False):
                comparison = Comparison.of(self.preparation, tokenizer, held_out or train, self.normalizers)
                before = comparison and comparison.before(policy)
            self._load_checkpoint(policy)
            trainer = self._assembly.trainer(policy, tokenizer, rows, held_out_rows, unified, self.trained_with)
            bad_rows = [*self.plan.data.bad_rows, *train.bad_rows, *(held_out.bad_rows if held_out else ())]
            with self._recorded(trainer, run, bad_rows), self.tracking:
                train_to_the_end(trainer, self.folder)
            samples: list[Sample] = []
            with self.failures.of_comparison(saved=True), suppress(CancelledError):  # only the comparison is left out
                if comparison and before and is_finished(trainer):
                    evaluation, samples = comparison.record(before, comparison.after(policy))
        run = ended(run, self.plan, trainer, evaluation, self.folder.newest_checkpoint())
        if self.is_main:
            if samples:
                LineRecord.save_lines(self.folder.path / Sample.RUN_FILE, samples)
            describe_rewards(self.plan.auxiliary, train, trainer.advantage_weights).save(self.folder.path)
            run = self._conclude(run)
        self.context.emit(RunFinished(run))
        return run

    def _conclude(self, run: RunRecord) -> RunRecord:
        """Write the record, the card and the report, and push what is to be pushed."""
        run.save(self.folder.path)
        if run.status == "completed":
            self.folder.write(CARD_FILE, model_card(self.folder.path))
        write_report_or_warn(self.folder.path, self.context.callbacks)
        config = self.config
        if run.status != "completed" or not config.push_to_hub or config.hub_model_id is None:
            return run
        address = push_after_run(
            self.folder.path, config.hub_model_id, self.context.callbacks, samples=config.hub_samples
        )
        run = run.model_copy(update={"hub_url": address})
        run.save(self.folder.path)
        return run

    def _compare_with_checkpoint(self, tokenizer: PreTrainedTokenizerBase, weights: str) -> None:
        """Compare what was not known when the run was planned: the weights, and which objectives take part."""
        self.trained_with = describe_training(self.plan, tokenizer, self.args.world_size, weights)
        if self.folder.resume_from:
            allowed = self.config.training.allow_changed
            changed = check_unchanged(self.folder.resume_from, self.trained_with, allowed)
            self.trained_with = self.trained_with.resumed(self.folder.resume_from, changed)

    def _set_up(self, until_the_end: ExitStack) -> None:
        for item in (*self.plan.objectives, *self.plan.held_out):
            with self.failures.of(item):
                until_the_end.enter_context(self.context.guard.set_up(item, str(self.args.device)))
        self._leave_out_skipped()

    def _score(self, train: Split, held_out: Split | None) -> tuple[Split, Split | None]:
        """Fit and score with one auxiliary objective after the other; what is held out is only fitted."""
        for item in self.plan.held_out:
            with self.failures.of(item):
                self.context.guard.fit(item, train.completions)
        for item in self.plan.auxiliary:
            with self.failures.of(item):
                self.context.guard.fit(item, train.completions)
                scored = self.preparation.score(train, item)
                held_out = self.preparation.score(held_out, item) if held_out else None
                train = scored
        self._leave_out_skipped()
        return train, held_out

    def _normalize(self, train: Split, held_out: Split | None) -> tuple[Split, Split | None]:
        """Normalise the rewards by the training split, or as the run that is resumed did."""
        self.normalizers = self.preparation.normalizers(train, self.folder.resumed_run)
        normalize = self.preparation.normalize
        return normalize(train, self.normalizers), normalize(held_out, self.normalizers) if held_out else None

    def _leave_out_skipped(self) -> None:
        self.plan = self.failures.without_skipped(self.plan)
        self.preparation = replace(self.preparation, plan=self.plan)

    def _recorded(
        self, trainer: UPOTrainer, run: RunRecord, bad_rows: Sequence[BadRow]
    ) -> AbstractContextManager[None]:
        """Open the run folder once every rank has checked it, and keep its record true."""
        trainer.accelerator.wait_for_everyone()
        kept = {NORMALIZATION_FILE: to_json(self.normalizers)} if self.normalizers else {}
        if bad_rows:
            kept[BAD_ROWS_FILE] = list_bad_rows(bad_rows)
        files = {"config.resolved.yaml": to_yaml(self.config), **kept}
        return self.folder.recorded(run, files) if self.is_main else nullcontext()

    def _announce(self) -> None:
        self.context.emit(PlanReady(self.plan))
        for text in self.plan.notices:
            self.context.note(text)
        for text in self.plan.warnings:
            self.context.warn(text)

    def _describe(
        self,
        layout: str,
        statistics: Sequence[ScoreStatistics],
        loss: RunLoss,
        train: Split,
        held_out: Split | None,
    ) -> RunRecord:
        return describe_run(
            self.plan,
            splits=[split for split in (train, held_out) if split],
            trained_with=self.trained_with,
            statistics=statistics,
            normalizers=self.normalizers,
            loss=loss,
            layout=layout,
            resumed=self.folder.resume_from,
            skipped=self.failures.skipped,
            command=self.command,
        )

    def _rows(self, split: Split, policy: Policy, weights: str) -> PreparedRows:
        return self.preparation.rows(split, policy, weights=weights, batch_size=self.batch_size)

    def _set_gamma(
        self,
        unified: UnifiedLoss,
        rows: PreparedRows,
        train: Split,
        policy: Policy,
        tokenizer: PreTrainedTokenizerBase,
        weights: str,
        statistics: Sequence[ScoreStatistics],
    ) -> RunLoss:
        parts = (rows, train, policy, self.normalizers, tokenizer)
        sample = partial(self.preparation.sample, *parts, weights=weights, batch_size=self.batch_size)
        constant = {item.label for item in statistics if item.constant}
        return set_gamma(unified, self.plan, sample, self.args.device, self.folder.resumed_run, self.context, constant)

    def _load_checkpoint(self, policy: Policy) -> None:
        """Take the weights of the run that is resumed."""
        if self.folder.resume_from:
            lm = load_language_model(self.plan.model, str(self.folder.resume_from))
            policy.use(lm.to(self.args.device))  # type: ignore[arg-type]  # see Assembly.policy

    @property
    def _assembly(self) -> Assembly:
        return Assembly(
            plan=self.plan,
            args=self.args,
            folder=self.folder,
            context=self.context,
            tracking=self.tracking,
        )
