"""Checks of every objective: the basics, and how it behaves towards the process it runs in."""

from upo_sdk.testing.checks.common.connections import opens_no_connection
from upo_sdk.testing.checks.common.hook_module import hook_module_is_light
from upo_sdk.testing.checks.common.life_cycle import setup_and_close_repeat
from upo_sdk.testing.checks.common.logging_setup import sets_up_no_logging
from upo_sdk.testing.checks.common.options import (
    options_are_described,
    options_refuse_unknown_keys,
    options_survive_a_round_trip,
)
from upo_sdk.testing.checks.common.output import prints_nothing
from upo_sdk.testing.checks.common.pickling import pickles_or_refuses
from upo_sdk.testing.checks.common.protocol import follows_the_protocol
from upo_sdk.testing.checks.common.random_state import leaves_random_state_alone
from upo_sdk.testing.checks.common.repeats import repeats_itself

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
