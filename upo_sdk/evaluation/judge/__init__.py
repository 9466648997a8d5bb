"""Judges: how often is the model's answer preferred to another one?"""

from upo_sdk.evaluation.judge.check import check_judge
from upo_sdk.evaluation.judge.judge import judge_answers
from upo_sdk.evaluation.judge.schema import Cost, Failure, JudgeIdentity, PositionBias, WinRate

__all__ = ["Cost", "Failure", "JudgeIdentity", "PositionBias", "WinRate", "check_judge", "judge_answers"]
