"""Checks of preference objectives, the most basic first."""

from upo_sdk.testing.checks.preference.gradients import (
    first_step_favours_the_chosen,
    gradient_reaches_the_policy,
    gradient_spares_the_reference,
)
from upo_sdk.testing.checks.preference.inputs import leaves_the_batch_alone, loss_reads_only_what_it_declares
from upo_sdk.testing.checks.preference.invariance import (
    gradient_accumulation_changes_nothing,
    order_of_pairs_changes_nothing,
    padding_changes_nothing,
    ranks_change_nothing,
)
from upo_sdk.testing.checks.preference.losses import (
    bfloat16_agrees_with_float32,
    losses_are_finite,
    metrics_are_named_and_detached,
    one_loss_per_item,
    one_sided_batches_are_finite,
)

__all__ = ["PREFERENCE"]

PREFERENCE = (
    one_loss_per_item,
    losses_are_finite,
    gradient_reaches_the_policy,
    gradient_spares_the_reference,
    first_step_favours_the_chosen,
    padding_changes_nothing,
    order_of_pairs_changes_nothing,
    gradient_accumulation_changes_nothing,
    ranks_change_nothing,
    bfloat16_agrees_with_float32,
    loss_reads_only_what_it_declares,
    one_sided_batches_are_finite,
    metrics_are_named_and_detached,
    leaves_the_batch_alone,
)
