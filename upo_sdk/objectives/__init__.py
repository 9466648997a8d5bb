"""The contract of an objective: what it is, what it receives and what it returns."""

from upo_sdk.objectives.batch import Completion, PreferenceBatch, PreferenceLoss, TokenLogps
from upo_sdk.objectives.options import NameList, Options
from upo_sdk.objectives.protocol import (
    AuxiliaryObjective,
    Fingerprinted,
    FittedToData,
    Needs,
    Objective,
    Parallel,
    PreferenceObjective,
)

__all__ = [
    "AuxiliaryObjective",
    "Completion",
    "Fingerprinted",
    "FittedToData",
    "NameList",
    "Needs",
    "Objective",
    "Options",
    "Parallel",
    "PreferenceBatch",
    "PreferenceLoss",
    "PreferenceObjective",
    "TokenLogps",
]
