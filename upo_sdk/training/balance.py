"""From the prepared rows of a run to its γ, for ``scale: balanced``; a resumed run may keep the one it had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from upo_sdk.loss import balance
from upo_sdk.policy.layouts import PolicyOutput
from upo_sdk.records import RunLoss, RunRecord
from upo_sdk.training.prepare_data import DataPreparation
from upo_sdk.training.rows import loss_inputs
from upo_sdk.training.step import Step, sample_weights_N

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from upo_sdk.config import LossConfig
    from upo_sdk.context import RunContext
    from upo_sdk.loss import UnifiedLoss
    from upo_sdk.plan import RunPlan
    from upo_sdk.records import Balance
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.rows import PreparedRow

__all__ = ["RunBalance", "set_gamma"]

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class RunBalance:
    """The balance of a run.

    Attributes:
        found: With γ rounded to four digits, so that the last bits of a forward, which depend on its batch, do not
            reach the loss.
        rows: How many rows it was measured on.
    """

    found: Balance
    rows: int

    def describe(self, labels: Sequence[str]) -> str:
        """Return what the user should know.

        Args:
            labels: The auxiliary objectives whose reward varies.
        """
        if not labels:
            return "scale balanced: no auxiliary objective has a reward that varies, so γ is 0"
        pull = "pulls" if len(labels) == 1 else "together pull"
        how = {"token-mean": "a mean over tokens", "sum": "a sum over tokens"}[self.found.normalization]
        return (
            f"scale balanced: γ is {self.found.gamma:g} on {how}, so that at the start {' and '.join(labels)} {pull} "
            f"on a response {self.found.ratio:g} times as hard as the preference term (measured on {self.rows:,} rows)"
        )


def set_gamma(
    unified: UnifiedLoss, prepared: Prepared, device: torch.device, resumed: Path | None, context: RunContext
) -> RunLoss:
    """Set γ where the data decides it; return what the record of the run says of the loss.

    Args:
        unified: The loss of the plan, as the user configured it.
        prepared: The rows that γ is measured on are drawn from it.
        device: Where to measure.
        resumed: The folder of the run that is resumed, or None; its γ is kept if it is of these objectives and this
            loss.
        context: Receives γ in words.
    """
    plan, measured = prepared.plan, None
    asked = plan.config.loss
    if asked.scale == "balanced" and plan.auxiliary:
        constant = {item.label for item in prepared.statistics if item.constant}
        kept = _kept(RunRecord.find(resumed), plan) if resumed else None
        measured = kept or _measure(unified, DataPreparation(plan, context).sample(prepared), device, constant)
        unified.config = measured.found.applied_to(asked)
        context.note(measured.describe([item.label for item in plan.auxiliary if item.label not in constant]))
    return _record(unified, asked, measured)


def _measure(
    unified: UnifiedLoss, rows: Sequence[PreparedRow], device: torch.device, constant: Collection[str]
) -> RunBalance:
    inputs = {name: tensor.to(device) for name, tensor in loss_inputs(rows).items()}
    output = PolicyOutput(inputs["reference_NT"], torch.empty(0))  # the learned baseline is a constant here
    step = Step(unified=unified, beta=1.0)
    batch = step.preference_batch(output, inputs)
    auxiliary, weight_N = step.auxiliary_batch(output, inputs), sample_weights_N(inputs)
    found = balance(unified, batch, auxiliary, sample_weight_N=weight_N, constant=constant)
    return RunBalance(found.model_copy(update={"gamma": float(f"{found.gamma:.{_DIGITS}g}")}), len(rows))


def _record(unified: UnifiedLoss, asked: LossConfig, measured: RunBalance | None) -> RunLoss:
    """Return what was asked for, what the loss trains with, and what γ was measured on."""
    undecided = asked.scale == "balanced" and measured is None
    return RunLoss(
        **asked.model_dump(include=_SETTINGS),
        gamma=None if undecided else unified.config.gamma,
        normalization=unified.config.normalization,
        balance=measured.found if measured else None,
        rows=measured.rows if measured else None,
    )


def _kept(run: RunRecord | None, plan: RunPlan) -> RunBalance | None:
    """Return the balance of a run, or None if it has none for these objectives and this loss."""
    if run is None or run.loss is None or run.loss.balance is None or run.loss.rows is None:
        return None
    same_loss = run.loss.model_dump(include=_SETTINGS) == plan.config.loss.model_dump(include=_SETTINGS)
    if not same_loss or [item.objective for item in run.objectives] != [str(item.ref) for item in plan.objectives]:
        return None
    return RunBalance(run.loss.balance, run.loss.rows)


_SETTINGS = {"scale", "lambda_", "expectile", "baseline", "length_normalization", "advantage_cap"}
"""What γ depends on."""
