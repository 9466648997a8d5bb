"""Preference data: any common source and shape in, checked rows, texts and token ids out."""

from upo_sdk.data.chat_template import check_template, unused_template
from upo_sdk.data.findings import once_key
from upo_sdk.data.lengths import cut_batches, spread_by_length, tokens_per_row
from upo_sdk.data.load import PreferenceData, load_preference_data
from upo_sdk.data.numbers import (
    MARGIN,
    SAMPLE_WEIGHT,
    check_numbers,
    check_scores,
    has_rewards,
    margins,
    read_scores,
    rewards_in_data,
    sample_weights,
)
from upo_sdk.data.problems import BAD_ROWS_FILE, BadRow, describe_left_out, list_bad_rows
from upo_sdk.data.shortening import Trained
from upo_sdk.data.texts import completions
from upo_sdk.data.tokens import Tokenized, largest_token_id, tokenize
from upo_sdk.data.truncation import TruncationReport
from upo_sdk.data.unused import describe_overruled, describe_unused

__all__ = [
    "BAD_ROWS_FILE",
    "MARGIN",
    "SAMPLE_WEIGHT",
    "BadRow",
    "PreferenceData",
    "Tokenized",
    "Trained",
    "TruncationReport",
    "check_numbers",
    "check_scores",
    "check_template",
    "completions",
    "cut_batches",
    "describe_left_out",
    "describe_overruled",
    "describe_unused",
    "has_rewards",
    "largest_token_id",
    "list_bad_rows",
    "load_preference_data",
    "margins",
    "once_key",
    "read_scores",
    "rewards_in_data",
    "sample_weights",
    "spread_by_length",
    "tokenize",
    "tokens_per_row",
    "unused_template",
]
