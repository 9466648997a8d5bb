"""The contract of an objective: what it is, what it receives and what it returns."""

from upo_sdk.objectives.adapters import auxiliary_objective
from upo_sdk.objectives.base import BaseObjective, NameList, Options
from upo_sdk.objectives.batch import Completion, PreferenceBatch, PreferenceLoss, TokenLogps
from upo_sdk.objectives.protocol import (
    AuxiliaryObjective,
    Checkable,
    Fingerprinted,
    FittedToData,
    Measuring,
    MeasuringHarm,
    Needs,
    Objective,
    Parallel,
    PreferenceObjective,
    Remarking,
)

__all__ = [
    "AuxiliaryObjective",
    "BaseObjective",
    "Checkable",
    "Completion",
    "Fingerprinted",
    "FittedToData",
    "Measuring",
    "MeasuringHarm",
    "NameList",
    "Needs",
    "Objective",
    "Options",
    "Parallel",
    "PreferenceBatch",
    "PreferenceLoss",
    "PreferenceObjective",
    "Remarking",
    "TokenLogps",
    "auxiliary_objective",
]
