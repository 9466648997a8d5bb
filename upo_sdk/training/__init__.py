"""Training: the adapter over transformers.Trainer and what it needs."""

from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.rows import Collator, PreparedRow, PreparedRows
from upo_sdk.training.step import Step
from upo_sdk.training.trainer import UPOTrainer

__all__ = [
    "CollapseWarning",
    "Collator",
    "EventBridge",
    "MetricsFile",
    "PreparedRow",
    "PreparedRows",
    "Step",
    "StopWhenCancelled",
    "UPOTrainer",
    "training_arguments",
]
