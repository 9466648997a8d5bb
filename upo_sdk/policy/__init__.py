"""The policy model: loading, layouts, token log-probs and reference log-probs."""

from upo_sdk.policy.layouts import ChosenLayout, Layout, PaddedLayout, PolicyOutput, TokenizedRow, choose_layout
from upo_sdk.policy.load_policy import load_policy
from upo_sdk.policy.loading import (
    check_vocabulary,
    load_language_model,
    load_model_config,
    load_tokenizer,
)
from upo_sdk.policy.meta_model import build_skeleton, count_parameters, shrink
from upo_sdk.policy.model_kind import check_weights
from upo_sdk.policy.policy import Policy
from upo_sdk.policy.reference import ReferenceLogps, reference_logps
from upo_sdk.policy.tokenized_list import TokenizedList

__all__ = [
    "ChosenLayout",
    "Layout",
    "PaddedLayout",
    "Policy",
    "PolicyOutput",
    "ReferenceLogps",
    "TokenizedList",
    "TokenizedRow",
    "build_skeleton",
    "check_vocabulary",
    "check_weights",
    "choose_layout",
    "count_parameters",
    "load_language_model",
    "load_model_config",
    "load_policy",
    "load_tokenizer",
    "reference_logps",
    "shrink",
]
