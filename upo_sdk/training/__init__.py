"""Training: what the adapter over transformers.Trainer needs; the adapter itself is in ``trainer``, which is heavy."""

from upo_sdk.training.argument_rules import checked_arguments
from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.assembly import Assembly
from upo_sdk.training.balance import set_gamma
from upo_sdk.training.callbacks import CollapseWarning, EventBridge, MetricsFile, StopWhenCancelled
from upo_sdk.training.comparison import Comparison, ScoredAnswers
from upo_sdk.training.failures import Failures
from upo_sdk.training.manifest import TrainedWith, check_unchanged, findings, finished, make_manifest, now
from upo_sdk.training.outcome import compare_answers, is_finished, outcome, train_to_the_end
from upo_sdk.training.preparation import Preparation, Split, normalized
from upo_sdk.training.rehearsal import rehearse
from upo_sdk.training.rows import Collator, PreparedRow, PreparedRows
from upo_sdk.training.run_folder import RunFolder
from upo_sdk.training.step import Step
from upo_sdk.training.trackers import Tracking, check_trackers

__all__ = [
    "Assembly",
    "CollapseWarning",
    "Collator",
    "Comparison",
    "EventBridge",
    "Failures",
    "MetricsFile",
    "Preparation",
    "PreparedRow",
    "PreparedRows",
    "RunFolder",
    "ScoredAnswers",
    "Split",
    "Step",
    "StopWhenCancelled",
    "Tracking",
    "TrainedWith",
    "check_trackers",
    "check_unchanged",
    "checked_arguments",
    "compare_answers",
    "findings",
    "finished",
    "is_finished",
    "make_manifest",
    "normalized",
    "now",
    "outcome",
    "rehearse",
    "set_gamma",
    "train_to_the_end",
    "training_arguments",
]
