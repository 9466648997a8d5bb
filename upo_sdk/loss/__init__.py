"""The unified loss: pure functions, and one module that a person can call in their own loop."""

from upo_sdk.loss.advantage import actor_loss, advantage_weights, effective_sample_size, expectile_loss
from upo_sdk.loss.balance import Balance, balance
from upo_sdk.loss.gradients import GradientParts, attribute_weights, gradient_metrics, parameter_gram
from upo_sdk.loss.terms import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedOutput
from upo_sdk.loss.unified_loss import UnifiedLoss, ValueHead

__all__ = [
    "AuxiliaryBatch",
    "AuxiliaryTerm",
    "Balance",
    "GradientParts",
    "PreferenceTerm",
    "UnifiedLoss",
    "UnifiedOutput",
    "ValueHead",
    "actor_loss",
    "advantage_weights",
    "attribute_weights",
    "balance",
    "effective_sample_size",
    "expectile_loss",
    "gradient_metrics",
    "parameter_gram",
]
