"""The unified loss: pure functions, and one module that a person can call in their own loop."""

from upo_sdk.engine.advantage import actor_loss, advantage_weights, effective_sample_size, expectile_loss
from upo_sdk.engine.balance import Balance, balance
from upo_sdk.engine.gradients import GradientParts, attribute_weights, gradient_metrics, parameter_gram
from upo_sdk.engine.terms import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedOutput
from upo_sdk.engine.unified_loss import UnifiedLoss
from upo_sdk.engine.value_head import ValueHead

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
