"""A corpus labelled with the rewards of any auxiliary objectives: no model, no training."""

from upo_sdk.corpus.score_corpus import score
from upo_sdk.corpus.summary import DroppedRows, RewardSummary, ScoredCorpus

__all__ = ["DroppedRows", "RewardSummary", "ScoredCorpus", "score"]
