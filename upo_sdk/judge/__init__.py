"""Judges: how often is the model's answer preferred to another one?"""

from upo_sdk.judge.judge import judge_answers
from upo_sdk.judge.schema import Cost, Failure, JudgeIdentity, PositionBias, Rate, WinRate

__all__ = ["Cost", "Failure", "JudgeIdentity", "PositionBias", "Rate", "WinRate", "judge_answers"]
