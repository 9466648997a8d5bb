"""Objectives whose options surprise their users."""

from __future__ import annotations

from typing import Any

from good import Reward

__all__ = ["AcceptsAnything", "ForgetsAnOption", "ImportsHeavily", "ReadsPerCent", "SaysNothing", "WithOptions"]


class WithOptions(Reward):
    """A good one."""

    options_target = "light_options:GoodOptions"

    def __init__(self, options: Any) -> None:
        self.options = options


class AcceptsAnything(WithOptions):
    """The options model does not forbid unknown keys."""

    options_target = "light_options:LaxOptions"
    caught_by = "options_refuse_unknown_keys"


class ReadsPerCent(WithOptions):
    """A validator divides by 100, once more each time that the options are read back."""

    options_target = "light_options:DriftingOptions"
    caught_by = "options_survive_a_round_trip"


class ForgetsAnOption(WithOptions):
    """An option is left out when the options are written."""

    options_target = "light_options:HiddenOptions"
    caught_by = "options_survive_a_round_trip"


class SaysNothing(WithOptions):
    """An option has no description."""

    options_target = "light_options:SilentOptions"
    caught_by = "options_are_described"


class ImportsHeavily(WithOptions):
    """The module of the options imports pyarrow."""

    options_target = "heavy_options:HeavyOptions"
    caught_by = "hook_module_is_light"
