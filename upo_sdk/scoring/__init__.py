"""Scoring: every completion labelled once with every auxiliary objective, offline."""

from upo_sdk.scoring.baselines import data_baseline
from upo_sdk.scoring.score import score_completions
from upo_sdk.scoring.statistics import describe_scores

__all__ = ["data_baseline", "describe_scores", "score_completions"]
