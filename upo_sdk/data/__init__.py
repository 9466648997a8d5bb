"""Preference data: any common source and shape in, checked rows, texts and token ids out."""

from upo_sdk.data.load import PreferenceData, load_preference_data
from upo_sdk.data.texts import completions
from upo_sdk.data.tokens import Tokenized, tokenize
from upo_sdk.data.truncation import TruncationReport

__all__ = [
    "PreferenceData",
    "Tokenized",
    "TruncationReport",
    "completions",
    "load_preference_data",
    "tokenize",
]
