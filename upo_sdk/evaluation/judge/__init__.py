"""Judges: how often is the model's answer preferred to another one?"""

from upo_sdk.evaluation.judge.judge import check_judge, judge_answers, judge_pairs

__all__ = ["check_judge", "judge_answers", "judge_pairs"]
