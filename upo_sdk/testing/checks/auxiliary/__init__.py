"""Checks of auxiliary objectives, the most basic first."""

from upo_sdk.testing.checks.auxiliary.caching import (
    fingerprint_tells_scorers_apart,
    independent_of_batch_size,
    independent_of_neighbours,
    independent_of_order,
    same_in_another_process,
)
from upo_sdk.testing.checks.auxiliary.inputs import leaves_completions_alone, reads_only_what_it_declares
from upo_sdk.testing.checks.auxiliary.scores import (
    ODD_TEXT_CHECKS,
    one_score_per_completion,
    scores_are_finite,
    scores_lie_in_the_declared_bounds,
)

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
