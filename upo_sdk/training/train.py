"""The training itself, up to the saved model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError

from upo_sdk.errors import TrainingError
from upo_sdk.objectives.guarded_loss import culprit

if TYPE_CHECKING:
    from upo_sdk.training.run_folder import RunFolder
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["is_finished", "train_to_the_end"]


def train_to_the_end(trainer: UPOTrainer, folder: RunFolder) -> None:
    """Train, or resume training, then evaluate and save the model; a cancelled run has its checkpoint only.

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
            fix="free some space, then resume: `resume_from_checkpoint=last`"
            if kept
            else "make room, and train again with `training.save_steps`, so that a checkpoint is kept",
        ) from error


def is_finished(trainer: UPOTrainer) -> bool:
    """Whether every step was taken; else the run was cancelled."""
    return trainer.state.global_step >= trainer.state.max_steps
