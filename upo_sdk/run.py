"""``align``: the one call for those who embed the SDK, and what the command line calls."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.atomic_file import write_atomically
from upo_sdk.cache import cache_in_use
from upo_sdk.config import to_yaml
from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.context import RunContext
from upo_sdk.data import BAD_ROWS_FILE, list_bad_rows
from upo_sdk.errors import CancelledError, PluginError, TrainingError
from upo_sdk.events import PlanReady, Progress, RunFinished, emit
from upo_sdk.isolation import isolated
from upo_sdk.objectives.guarded_loss import culprit
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import Policy, load_language_model, load_tokenizer
from upo_sdk.publish import CARD_FILE, check_hub, model_card, push_after_run, reserve_repository
from upo_sdk.ranks import Ranks, check_launch, launched_ranks
from upo_sdk.records import LineRecord, Sample
from upo_sdk.report import write_report_or_warn
from upo_sdk.scoring import NORMALIZATION_FILE, to_json
from upo_sdk.training.arguments import checked_arguments, training_arguments
from upo_sdk.training.assembly import build_loss, build_trainer, start_from
from upo_sdk.training.balance import set_gamma
from upo_sdk.training.checkpoints import RESUME_WITH_SPACE, disk_errors
from upo_sdk.training.comparison import Comparison
from upo_sdk.training.prepare import ObjectiveFailures, prepare
from upo_sdk.training.rehearsal import rehearse
from upo_sdk.training.run_folder import RunFolder
from upo_sdk.training.run_record import describe_rewards, describe_run, ended
from upo_sdk.training.tracking import Tracking, check_trackers
from upo_sdk.training.trained_with import check_unchanged, describe_training

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from upo_sdk.config import PluginPolicy, RunConfig
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import RunRecord
    from upo_sdk.training.prepare import Prepared
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
        timeout, ranks = plan.config.plugins.timeout, Ranks.of_launch()
        context = RunContext.of((*callbacks, *added), cancel, timeout=timeout, ranks=ranks)
        return _run(plan, folder, context, command)


@cache_in_use()
def plan_run(config: RunConfig, registry: Registry) -> RunPlan:
    """Check everything that can be checked without work, and return the plan: what ``upo train --dry-run`` shows.

    Raises:
        UPOError: A plugin is broken, the configuration, data or run folder cannot be used, or a reviewer objects.
    """
    check_launch()
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
    planned = describe_training(plan, load_tokenizer(plan.model), launched_ranks())
    changed = check_unchanged(folder.resume_from, planned, plan.config.training.allow_changed)
    warnings = [*folder.passed_over, *(f"resumed although {name} changed: {text}" for name, text in changed.items())]
    config = plan.config.model_copy(update={"resume_from_checkpoint": str(folder.resume_from)})
    return replace(plan, config=config, warnings=(*plan.warnings, *warnings))


def _run(plan: RunPlan, folder: RunFolder, context: RunContext, command: Sequence[str]) -> RunRecord:
    """Prepare, train, compare the answers, and record it all."""
    _announce(plan, context)
    config = plan.config
    args = training_arguments(config.training, folder.path, evaluate=plan.data.eval is not None)
    alone = args.world_size == 1  # else all ranks would have to agree on the terms that are left
    failures = ObjectiveFailures(alone and config.plugins.on_failure == "skip", context)
    comparison = before = evaluation = None
    samples: list[Sample] = []
    with ExitStack() as until_the_end:
        prepared = prepare(plan, args, folder, failures, context, until_the_end)
        unified = build_loss(prepared, context)
        loss = set_gamma(unified, prepared, args.device, folder.resumed_run, context)
        run = describe_run(prepared, loss, folder.resume_from, failures.skipped, command)
        with failures.of_comparison(saved=False):
            comparison = Comparison.of(prepared, context)
            before = comparison.before(prepared.policy) if comparison else None
        start_from(prepared, folder.resume_from)
        tracking = _tracking(config, folder, context)
        trainer = build_trainer(prepared, unified, args, folder, tracking, context)
        with _recorded(run, prepared, folder, trainer), tracking:
            _train(trainer, folder)
            with failures.of_comparison(saved=True), suppress(CancelledError):  # only the comparison is left out
                if comparison and before and trainer.is_finished:
                    after = comparison.after(_whole(prepared, trainer, folder))
                    evaluation, samples = comparison.record(before, after)
    run = ended(run, prepared.plan, trainer, evaluation, folder.newest_checkpoint())
    if args.process_index == 0:
        if samples:
            LineRecord.save_lines(folder.path / Sample.RUN_FILE, samples)
        describe_rewards(prepared, trainer.advantage_weights).save(folder.path)
        run = _publish(run, config, context)
    context.cache.ranks.gather(None)  # the launcher ends all once one has ended with an error: first, the record
    context.emit(RunFinished(run))
    return run


def _announce(plan: RunPlan, context: RunContext) -> None:
    context.emit(PlanReady(plan))
    for text in plan.notices:
        context.note(text)
    for text in plan.warnings:
        context.warn(text)


def _whole(prepared: Prepared, trainer: UPOTrainer, folder: RunFolder) -> Policy:
    """Return the trained policy; where each process has a shard of its weights, it is read from the saved model."""
    if not trainer.is_fsdp_enabled:
        return prepared.policy
    trainer.accelerator.wait_for_everyone()  # for the main process, which has saved it
    lm = load_language_model(prepared.plan.model, str(folder.path), keep_adapter=True)
    lm.to(trainer.args.device)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
    return Policy(lm, prepared.policy.layout)


def _tracking(config: RunConfig, folder: RunFolder, context: RunContext) -> Tracking:
    settings = config.model_dump(mode="json", by_alias=True)
    return Tracking(check_trackers(config.training.report_to), folder.path, settings, context.notice)


def _recorded(
    run: RunRecord, prepared: Prepared, folder: RunFolder, trainer: UPOTrainer
) -> AbstractContextManager[None]:
    """Open the run folder once every rank has checked it, and keep its record true."""
    trainer.accelerator.wait_for_everyone()
    if not trainer.is_world_process_zero():
        return nullcontext()
    files = {RESOLVED_CONFIG: to_yaml(prepared.plan.config)}
    if prepared.normalizers:
        files[NORMALIZATION_FILE] = to_json(prepared.normalizers)
    bad_rows = [*prepared.plan.data.bad_rows, *(row for split in prepared.splits for row in split.bad_rows)]
    if bad_rows:
        files[BAD_ROWS_FILE] = list_bad_rows(bad_rows)
    return folder.recorded(run, files)


def _train(trainer: UPOTrainer, folder: RunFolder) -> None:
    """Train, or resume training, then evaluate and save the model; a cancelled run has its checkpoint only.

    Raises:
        TrainingError: The loss broke; it names the objective that broke it, if one did. Or the disk is full.
    """
    try:
        trainer.train(resume_from_checkpoint=str(folder.resume_from) if folder.resume_from else None)
        trainer.require_finite({})
    except TrainingError as error:
        losses = [term.objective for term in trainer.step.unified.preference]
        raise (culprit(losses) or error) from error.__cause__
    if trainer.is_finished:  # else the checkpoint is the result; a model beside it would look finished
        if trainer.eval_dataset is not None:
            trainer.evaluate()
        without = "make room, and train again with `training.save_steps`, so that a checkpoint is kept"
        fix = RESUME_WITH_SPACE if folder.newest_checkpoint() else without
        with disk_errors("the trained model", folder.path, fix):
            trainer.save_model(str(folder.path))
    trainer.log_summary()


def _publish(run: RunRecord, config: RunConfig, context: RunContext) -> RunRecord:
    """Write the record, the card and the report, and push what is to be pushed."""
    folder = run.output_dir
    run.save(folder)
    if run.status == "completed":
        write_atomically(folder / CARD_FILE, model_card(folder))
    write_report_or_warn(folder, context.warn)
    if run.status != "completed" or not config.push_to_hub or config.hub_model_id is None:
        return run
    address = push_after_run(folder, config.hub_model_id, context.callbacks, samples=config.hub_samples)
    run = run.model_copy(update={"hub_url": address})
    run.save(folder)
    return run
