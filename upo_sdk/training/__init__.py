"""Training: what the adapter over transformers.Trainer needs; the adapter itself is in ``trainer``, which is heavy."""

from upo_sdk.training.argument_rules import checked_arguments
from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.assembly import build_loss, build_trainer
from upo_sdk.training.balance import set_gamma
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.comparison import Comparison
from upo_sdk.training.objective_failures import ObjectiveFailures
from upo_sdk.training.prepare import Prepared, prepare
from upo_sdk.training.prepare_data import DataPreparation, Split
from upo_sdk.training.rehearsal import rehearse
from upo_sdk.training.rows import Collator, PreparedRow, PreparedRows
from upo_sdk.training.run_folder import RunFolder
from upo_sdk.training.run_record import describe_rewards, describe_run, ended
from upo_sdk.training.step import Step
from upo_sdk.training.trackers import Tracking, check_trackers
from upo_sdk.training.train import is_finished, train_to_the_end
from upo_sdk.training.trained_with import check_unchanged, describe_training

__all__ = [
    "CollapseWarning",
    "Collator",
    "Comparison",
    "DataPreparation",
    "EventBridge",
    "MetricsFile",
    "ObjectiveFailures",
    "Prepared",
    "PreparedRow",
    "PreparedRows",
    "RunFolder",
    "Split",
    "Step",
    "StopWhenCancelled",
    "Tracking",
    "build_loss",
    "build_trainer",
    "check_trackers",
    "check_unchanged",
    "checked_arguments",
    "describe_rewards",
    "describe_run",
    "describe_training",
    "ended",
    "is_finished",
    "prepare",
    "rehearse",
    "set_gamma",
    "train_to_the_end",
    "training_arguments",
]
