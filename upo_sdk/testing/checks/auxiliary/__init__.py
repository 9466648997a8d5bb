"""Checks of auxiliary objectives, the most basic first."""

from upo_sdk.testing.checks.auxiliary.bounds import scores_lie_in_the_declared_bounds
from upo_sdk.testing.checks.auxiliary.count import one_score_per_completion
from upo_sdk.testing.checks.auxiliary.declared import reads_only_what_it_declares
from upo_sdk.testing.checks.auxiliary.fingerprint import fingerprint_tells_scorers_apart
from upo_sdk.testing.checks.auxiliary.finite import scores_are_finite
from upo_sdk.testing.checks.auxiliary.independence import (
    independent_of_batch_size,
    independent_of_neighbours,
    independent_of_order,
)
from upo_sdk.testing.checks.auxiliary.input import leaves_completions_alone
from upo_sdk.testing.checks.auxiliary.odd_texts import ODD_TEXT_CHECKS
from upo_sdk.testing.checks.auxiliary.processes import same_in_another_process

__all__ = ["AUXILIARY"]

AUXILIARY = (
    one_score_per_completion,
    scores_are_finite,
    scores_lie_in_the_declared_bounds,
    *ODD_TEXT_CHECKS,
    independent_of_neighbours,
    independent_of_order,
    independent_of_batch_size,
    leaves_completions_alone,
    reads_only_what_it_declares,
    fingerprint_tells_scorers_apart,
    same_in_another_process,
)
