"""The parts of a run: the policy with its layout, the loss, and the trainer with its callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from upo_sdk.errors import ConfigError
from upo_sdk.events import Progress
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.objectives.guarded_loss import GuardedLoss
from upo_sdk.plugin.build import beta_of
from upo_sdk.policy import load_language_model, load_policy
from upo_sdk.policy.adapter import add_adapter, has_adapter, take_adapter_weights
from upo_sdk.records import MetricsRow
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.rows import Collator
from upo_sdk.training.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import TrainerCallback, TrainingArguments

    from upo_sdk.context import RunContext
    from upo_sdk.plan import RunPlan
    from upo_sdk.policy import Policy
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.prepare_data import Split
    from upo_sdk.training.run_folder import RunFolder
    from upo_sdk.training.tracking import Tracking
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["build_loss", "build_trainer", "load_model", "start_from"]


def load_model(plan: RunPlan, splits: Sequence[Split], device: torch.device, context: RunContext) -> Policy:
    """Load the model and choose the fastest layout that is exact for it on rows of all splits."""
    context.emit(Progress("loading the model", 0, 1, "model"))
    policy, reason = load_policy(
        plan.model,
        [split.dataset for split in splits],
        device,
        training=plan.config.training,
        keep_adapter=plan.config.lora.use_peft,
        warn=context.warn,
    )
    context.emit(Progress("loading the model", 1, 1, "model"))
    context.note(reason)
    return policy


def start_from(prepared: Prepared, checkpoint: Path | None) -> None:
    """Give the policy the weights that training starts from; until now it was the base model, which is the reference.

    Args:
        prepared: With the policy on its device.
        checkpoint: Of the run that is resumed.
    """
    policy, config = prepared.policy, prepared.plan.config
    if config.lora.use_peft:
        if not has_adapter(policy.lm):
            add_adapter(policy.lm, config.lora, seed=config.training.seed)
        if checkpoint:
            take_adapter_weights(policy.lm, checkpoint)
        policy.use(policy.lm)
    elif checkpoint:
        lm = load_language_model(prepared.plan.model, str(checkpoint))
        policy.use(lm.to(policy.lm.device))  # type: ignore[arg-type]  # typed as if it were a method of a tensor


def build_loss(prepared: Prepared, context: RunContext) -> UnifiedLoss:
    """Build the loss of the plan's objectives, as the user configured it."""
    plan, weight_N = prepared.plan, prepared.train.completion_weight_N
    torch.manual_seed(plan.config.training.seed)  # the value head's first weights
    learned = plan.auxiliary and plan.config.loss.baseline == "value"
    return UnifiedLoss(
        [
            PreferenceTerm(item.label, item.weight, GuardedLoss(item, context.guard), item.schedule)
            for item in plan.preference
        ],
        [
            AuxiliaryTerm(item.label, item.weight, float(np.average(rewards, weights=weight_N)), item.schedule)
            for item, rewards in zip(plan.auxiliary, prepared.train.rewards, strict=True)
        ],
        plan.config.loss,
        hidden_size=prepared.policy.hidden_size if learned else None,
    )


def build_trainer(
    prepared: Prepared,
    unified: UnifiedLoss,
    args: TrainingArguments,
    folder: RunFolder,
    tracking: Tracking,
    context: RunContext,
) -> UPOTrainer:
    """Build the trainer.

    Raises:
        ConfigError: transformers refuses the arguments, or a tracker is not installed.
    """
    from upo_sdk.training.batching import epoch_batches
    from upo_sdk.training.trainer import UPOTrainer  # heavy, and not needed by a run that is refused

    plan, policy = prepared.plan, prepared.policy
    beta, probe_steps = beta_of(plan.objectives, default=1.0), plan.config.training.probe_steps
    callbacks: list[TrainerCallback] = [
        EventBridge(context),
        MetricsFile(folder.path / MetricsRow.FILE),
        tracking,
        CollapseWarning(context),
        *([StopWhenCancelled(context.cancel)] if context.cancel else []),
    ]
    try:
        return UPOTrainer(
            policy,
            Step(unified=unified, beta=beta, probe_steps=probe_steps),
            args,
            collator=Collator(policy.layout),
            train_rows=prepared.rows,
            eval_rows=prepared.held_out_rows,
            tokenizer=prepared.tokenizer,
            callbacks=callbacks,
            trained_with=prepared.trained_with,
            batches=epoch_batches(
                prepared.rows,
                plan.config.training,
                layout=policy.layout.name,
                ranks=args.world_size,
                warn=context.warn,
            ),
        )
    except (RuntimeError, ImportError) as error:  # a tracker of `training.report_to` that is not installed
        raise ConfigError(
            f"the trainer cannot be built: {error}", where="training", fix="install what it names, or leave it out"
        ) from error
