"""From a plan to everything that training starts from: model, tokens, rewards and reference log-probs."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from upo_sdk.errors import CancelledError, ObjectiveFailedError, UPOError
from upo_sdk.policy import load_tokenizer
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.records import LeftOut
from upo_sdk.training.assembly import load_model
from upo_sdk.training.prepare_data import DataPreparation
from upo_sdk.training.trained_with import check_unchanged, describe_training

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import ExitStack

    from transformers import PreTrainedTokenizerBase, TrainingArguments

    from upo_sdk.context import RunContext
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.policy import Policy
    from upo_sdk.records import ScoreStatistics, TrainedWith
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.prepare_data import Split
    from upo_sdk.training.rows import PreparedRows
    from upo_sdk.training.run_folder import RunFolder

__all__ = ["ObjectiveFailures", "Prepared", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything that training starts from.

    Attributes:
        plan: Without the objectives that failed and were left out.
        policy: With the weights of the base model.
        weights_sha256: The hash of those.
        train: Tokenised, scored, normalised; ``held_out`` too, None if no rows are held out.
        normalizers: By label.
        statistics: Of the rewards before they were normalised.
        trained_with: What a resumed run is compared by.
        rows: What a training step reads.
    """

    plan: RunPlan
    tokenizer: PreTrainedTokenizerBase
    policy: Policy
    weights_sha256: str
    train: Split
    held_out: Split | None
    normalizers: Mapping[str, ZScore | Rank]
    statistics: tuple[ScoreStatistics, ...]
    trained_with: TrainedWith
    rows: PreparedRows
    held_out_rows: PreparedRows | None

    @property
    def splits(self) -> tuple[Split, ...]:
        """The training split, and the held-out one if there is one."""
        return (self.train, self.held_out) if self.held_out else (self.train,)


def prepare(
    plan: RunPlan,
    args: TrainingArguments,
    folder: RunFolder,
    failures: ObjectiveFailures,
    context: RunContext,
    until_the_end: ExitStack,
) -> Prepared:
    """Set up objectives, tokenise, load the model, score and normalise; what is expensive is cached by content.

    Args:
        plan: Of the run.
        args: Of the trainer.
        folder: Says which checkpoint is resumed; it is compared as soon as the weights are known.
        failures: Leave out objectives that fail, where that was asked for.
        context: Of the run.
        until_the_end: Closes the objectives.

    Raises:
        UPOError: A model, row, objective or checkpoint cannot be used.
    """
    tokenizer = load_tokenizer(plan.model)
    plan = _set_up(plan, str(args.device), failures, context, until_the_end)
    train, held_out = DataPreparation(plan, context).tokenize(tokenizer)
    policy = load_model(plan, (train, held_out) if held_out else (train,), args.device, context)
    weights = weights_sha256(policy.lm)
    _compare_with_checkpoint(plan, tokenizer, args.world_size, weights, folder)
    plan, train, held_out = _score(plan, train, held_out, failures, context)
    trained_with = _compare_with_checkpoint(plan, tokenizer, args.world_size, weights, folder)
    preparation = DataPreparation(plan, context)
    statistics = preparation.describe(train)
    normalizers = preparation.normalizers(train, folder.resumed_run)
    train = preparation.normalize(train, normalizers)
    held_out = preparation.normalize(held_out, normalizers) if held_out else None
    return Prepared(
        plan=plan,
        tokenizer=tokenizer,
        policy=policy,
        weights_sha256=weights,
        train=train,
        held_out=held_out,
        normalizers=normalizers,
        statistics=statistics,
        trained_with=trained_with,
        rows=preparation.rows(train, policy, weights),
        held_out_rows=preparation.rows(held_out, policy, weights) if held_out else None,
    )


def _set_up(
    plan: RunPlan, device: str, failures: ObjectiveFailures, context: RunContext, until_the_end: ExitStack
) -> RunPlan:
    for item in (*plan.objectives, *plan.held_out):
        with failures.of(item):
            until_the_end.enter_context(context.guard.set_up(item, device))
    return failures.without_skipped(plan)


def _score(
    plan: RunPlan, train: Split, held_out: Split | None, failures: ObjectiveFailures, context: RunContext
) -> tuple[RunPlan, Split, Split | None]:
    """Fit and score with one auxiliary objective after the other; those that are held out are only fitted."""
    preparation = DataPreparation(plan, context)
    for item in plan.held_out:
        with failures.of(item):
            context.guard.fit(item, train.completions)
    for item in plan.auxiliary:
        with failures.of(item):
            context.guard.fit(item, train.completions)
            scored = preparation.score(train, item)
            held_out = preparation.score(held_out, item) if held_out else None
            train = scored
    return failures.without_skipped(plan), train, held_out


def _compare_with_checkpoint(
    plan: RunPlan, tokenizer: PreTrainedTokenizerBase, ranks: int, weights: str, folder: RunFolder
) -> TrainedWith:
    """Compare what was not known when the run was planned: the weights, and which objectives take part."""
    trained_with = describe_training(plan, tokenizer, ranks, weights)
    if folder.resume_from is None:
        return trained_with
    changed = check_unchanged(folder.resume_from, trained_with, plan.config.training.allow_changed)
    return trained_with.resumed(folder.resume_from, changed)


@dataclass(frozen=True, slots=True)
class ObjectiveFailures:
    """Decides over failures and remembers what was left out.

    Attributes:
        may_skip: Whether ``plugins.on_failure`` asks to go on without an objective that fails.
        skipped: What was left out and why, for the record of the run.
    """

    may_skip: bool
    context: RunContext
    skipped: list[LeftOut] = field(default_factory=list[LeftOut])

    @contextmanager
    def of(self, item: LiveObjective) -> Generator[None]:
        """Leave an auxiliary objective out of the run if it fails in here, where that was asked for."""
        try:
            yield
        except CancelledError:
            raise
        except UPOError as error:
            if item.is_preference or not self.may_skip:
                raise
            self.context.warn(f"'{item.label}' of {item.origin} failed and is left out of this run: {error.what}")
            self.skipped.append(LeftOut(label=item.label, place=item.place, error=error.what))

    def without_skipped(self, plan: RunPlan) -> RunPlan:
        """Return the plan of what is left."""
        out = {entry.label for entry in self.skipped}
        kept, held_out = (
            tuple(item for item in group if item.label not in out) for group in (plan.objectives, plan.held_out)
        )
        return replace(plan, objectives=kept, held_out=held_out)

    @contextmanager
    def of_comparison(self, *, saved: bool) -> Generator[None]:
        """Leave the comparison of answers out if an objective fails on them: where asked for, or if all is saved."""
        try:
            yield
        except ObjectiveFailedError as error:
            if not saved and not self.may_skip:
                raise
            self.context.warn(f"the answers are not compared: {error.what} ({error.where})")
