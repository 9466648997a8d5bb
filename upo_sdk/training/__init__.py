"""Training: what the adapter over transformers.Trainer needs; the adapter itself is in ``trainer``, which is heavy."""

from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.balance import loss_record, measure_balance, read_balance
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.failures import Failures
from upo_sdk.training.manifest import make_manifest, now
from upo_sdk.training.model_card import model_card
from upo_sdk.training.preparation import Preparation, Split, normalized
from upo_sdk.training.rows import Collator, PreparedRow, PreparedRows
from upo_sdk.training.run_folder import RunFolder
from upo_sdk.training.step import Step

__all__ = [
    "CollapseWarning",
    "Collator",
    "EventBridge",
    "Failures",
    "MetricsFile",
    "Preparation",
    "PreparedRow",
    "PreparedRows",
    "RunFolder",
    "Split",
    "Step",
    "StopWhenCancelled",
    "loss_record",
    "make_manifest",
    "measure_balance",
    "model_card",
    "normalized",
    "now",
    "read_balance",
    "training_arguments",
]
