"""Scoring: every completion labelled once with every auxiliary objective, offline."""

from upo_sdk.scoring.baselines import data_baseline
from upo_sdk.scoring.distributions import describe_scores
from upo_sdk.scoring.normalization import (
    NORMALIZATION_FILE,
    Normalizer,
    Rank,
    ZScore,
    fit_normalizer,
    read_normalizers,
    to_json,
)
from upo_sdk.scoring.score import measure_completions, score_completions

__all__ = [
    "NORMALIZATION_FILE",
    "Normalizer",
    "Rank",
    "ZScore",
    "data_baseline",
    "describe_scores",
    "fit_normalizer",
    "measure_completions",
    "read_normalizers",
    "score_completions",
    "to_json",
]
