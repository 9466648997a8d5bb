"""Checks of every objective: the basics, and how it behaves towards the process it runs in."""

from upo_sdk.testing.checks.common.protocol import (
    follows_the_protocol,
    options_are_described,
    options_refuse_unknown_keys,
    options_survive_a_round_trip,
)
from upo_sdk.testing.checks.common.repeats import pickles_or_refuses, repeats_itself, setup_and_close_repeat
from upo_sdk.testing.checks.common.side_effects import (
    hook_module_is_light,
    leaves_random_state_alone,
    opens_no_connection,
    prints_nothing,
    sets_up_no_logging,
)

__all__ = ["BASICS", "MANNERS"]

BASICS = (follows_the_protocol, options_survive_a_round_trip, options_refuse_unknown_keys, options_are_described)

MANNERS = (
    repeats_itself,
    setup_and_close_repeat,
    pickles_or_refuses,
    hook_module_is_light,
    prints_nothing,
    sets_up_no_logging,
    leaves_random_state_alone,
    opens_no_connection,
)
