"""The policy model: loading, layouts, token log-probs and reference log-probs."""

from upo_sdk.policy.layouts import Branches, ChosenLayout, Layout, PaddedLayout, PolicyOutput, choose_layout
from upo_sdk.policy.loading import (
    check_vocabulary,
    count_parameters,
    load_language_model,
    load_model_config,
    load_tokenizer,
)
from upo_sdk.policy.policy import Policy
from upo_sdk.policy.reference import ReferenceLogps, reference_logps

__all__ = [
    "Branches",
    "ChosenLayout",
    "Layout",
    "PaddedLayout",
    "Policy",
    "PolicyOutput",
    "ReferenceLogps",
    "check_vocabulary",
    "choose_layout",
    "count_parameters",
    "load_language_model",
    "load_model_config",
    "load_tokenizer",
    "reference_logps",
]
