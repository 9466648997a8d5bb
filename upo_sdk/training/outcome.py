"""The training itself and what it came to: the result that ``align`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError

from upo_sdk.errors import TrainingError
from upo_sdk.evaluation import compare_rewards, explain
from upo_sdk.objectives.guarded_loss import culprit
from upo_sdk.result import AlignResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.events import ScoreStatistics
    from upo_sdk.plan import RunPlan
    from upo_sdk.result import BeforeAfter
    from upo_sdk.training.comparison import ScoredAnswers
    from upo_sdk.training.run_folder import RunFolder
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["compare_answers", "is_finished", "outcome", "train_to_the_end"]


def train_to_the_end(trainer: UPOTrainer, folder: RunFolder) -> None:
    """Train, or go on training, then evaluate and save the model; a cancelled run has its checkpoint only.

    Raises:
        TrainingError: The loss broke; it names the objective that broke it, if one did.
    """
    try:
        trainer.train(resume_from_checkpoint=str(folder.resume_from) if folder.resume_from else None)
        trainer.require_finite({})
    except TrainingError as error:
        losses = [term.objective for term in trainer.step.unified.preference]
        raise (culprit(losses) or error) from error.__cause__
    if is_finished(trainer):  # else the checkpoint is the result; a model beside it would look finished
        if trainer.eval_dataset is not None:
            trainer.evaluate()
        _save(trainer, folder)
    trainer.log_summary()


def _save(trainer: UPOTrainer, folder: RunFolder) -> None:
    try:
        trainer.save_model(str(folder.path))
    except (OSError, SafetensorError) as error:
        kept = folder.newest_checkpoint()
        raise TrainingError(
            f"the trained model cannot be written: {error}",
            where=str(folder.path),
            fix="make room, then resume: `resume_from_checkpoint=last`"
            if kept
            else "make room, and train again with `training.save_steps`, so that a checkpoint is kept",
        ) from error


def is_finished(trainer: UPOTrainer) -> bool:
    """Whether every step was taken; else the run was cancelled."""
    return trainer.state.global_step >= trainer.state.max_steps


def compare_answers(
    before: ScoredAnswers | None, after: ScoredAnswers | None, *, split: str
) -> tuple[BeforeAfter, ...]:
    """Compare the rewards of both models' answers, one objective after the other."""
    if before is None or after is None:
        return ()
    return tuple(
        compare_rewards(label, rewards, after.rewards[label], split=split) for label, rewards in before.rewards.items()
    )


def outcome(
    plan: RunPlan,
    trainer: UPOTrainer,
    folder: RunFolder,
    statistics: tuple[ScoreStatistics, ...],
    compared: tuple[BeforeAfter, ...],
) -> AlignResult:
    """Return the result of a run that trained."""
    metrics: Mapping[str, float] = {name: value for row in trainer.state.log_history for name, value in row.items()}
    gate_opened = trainer.state.global_step > plan.config.loss.gate_steps
    labels = [item.label for item in plan.auxiliary]
    return AlignResult(
        status="completed" if is_finished(trainer) else "cancelled",
        output_dir=folder.path,
        steps=trainer.state.global_step,
        metrics=metrics,
        statistics=statistics,
        before_after=compared,
        checkpoint=folder.newest_checkpoint(),
        explanation=explain(compared, metrics, auxiliary=labels, gate_opened=gate_opened),
    )
