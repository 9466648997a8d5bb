"""Puts the parts of a run together: the policy with its layout, and the trainer with its loss and its watchers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from upo_sdk.errors import ConfigError
from upo_sdk.events import Progress
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.objectives.guarded_loss import GuardedLoss
from upo_sdk.plugin.build import beta_of
from upo_sdk.policy import load_policy
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.rows import Collator
from upo_sdk.training.step import Step

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, TrainerCallback, TrainingArguments

    from upo_sdk.context import RunContext
    from upo_sdk.plan import RunPlan
    from upo_sdk.policy import Policy
    from upo_sdk.records import TrainedWith
    from upo_sdk.training.preparation import Split
    from upo_sdk.training.rows import PreparedRows
    from upo_sdk.training.run_folder import RunFolder
    from upo_sdk.training.trackers import Tracking
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["Assembly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """Builds what a run trains, from its plan."""

    plan: RunPlan
    args: TrainingArguments
    folder: RunFolder
    context: RunContext
    tracking: Tracking

    def policy(self, *splits: Split) -> Policy:
        """Load the model and choose the fastest layout that is exact for it on rows of all splits."""
        self.context.emit(Progress("loading the model", 0, 1, "model"))
        policy, reason = load_policy(
            self.plan.model,
            [split.dataset for split in splits],
            self.args.device,
            training=self.plan.config.training,
            warn=self.context.warn,
        )
        self.context.emit(Progress("loading the model", 1, 1, "model"))
        self.context.note(reason)
        return policy

    def loss(self, policy: Policy, train: Split) -> UnifiedLoss:
        """Build the loss of the plan's objectives."""
        torch.manual_seed(self.plan.config.training.seed)  # the value head's first weights
        weight_N = train.completion_weight_N
        learned = self.plan.auxiliary and self.plan.config.loss.baseline == "value"
        return UnifiedLoss(
            [
                PreferenceTerm(item.label, item.weight, GuardedLoss(item, self.context.guard), item.schedule)
                for item in self.plan.preference
            ],
            [
                AuxiliaryTerm(item.label, item.weight, float(np.average(rewards, weights=weight_N)), item.schedule)
                for item, rewards in zip(self.plan.auxiliary, train.rewards, strict=True)
            ],
            self.plan.config.loss,
            hidden_size=policy.hidden_size if learned else None,
        )

    def trainer(
        self,
        policy: Policy,
        tokenizer: PreTrainedTokenizerBase,
        rows: PreparedRows,
        held_out_rows: PreparedRows | None,
        unified: UnifiedLoss,
        trained_with: TrainedWith,
    ) -> UPOTrainer:
        """Build the trainer.

        Raises:
            ConfigError: transformers refuses the arguments, or a tracker is not installed.
        """
        from upo_sdk.training.batching import epoch_batches
        from upo_sdk.training.trainer import UPOTrainer  # heavy, and not needed by a run that is refused

        try:
            return UPOTrainer(
                policy,
                Step(
                    unified=unified,
                    beta=beta_of(self.plan.objectives, default=1.0),
                    probe_steps=self.plan.config.training.probe_steps,
                ),
                self.args,
                collator=Collator(policy.layout),
                train_rows=rows,
                eval_rows=held_out_rows,
                tokenizer=tokenizer,
                callbacks=self._watchers(),
                trained_with=trained_with,
                batches=epoch_batches(
                    rows,
                    self.plan.config.training,
                    layout=policy.layout.name,
                    ranks=self.args.world_size,
                    warn=self.context.warn,
                ),
            )
        except (RuntimeError, ImportError) as error:  # a tracker of `training.report_to` that is not installed
            raise ConfigError(
                f"the trainer cannot be built: {error}", where="training", fix="install what it names, or leave it out"
            ) from error

    def _watchers(self) -> list[TrainerCallback]:
        return [
            EventBridge(self.context),
            MetricsFile(self.folder.path / "metrics.jsonl"),
            self.tracking,
            CollapseWarning(self.context),
            *([StopWhenCancelled(self.context.cancel)] if self.context.cancel else []),
        ]
