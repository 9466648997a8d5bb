"""From the prepared rows of a run to its γ, for ``scale: balanced``; a resumed run keeps the one it had."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from upo_sdk.engine import Balance, balance
from upo_sdk.policy.layouts import PolicyOutput
from upo_sdk.training.rows import loss_inputs
from upo_sdk.training.step import Step, sample_weights_N

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.config import LossConfig
    from upo_sdk.engine import UnifiedLoss
    from upo_sdk.training.rows import PreparedRow

__all__ = ["RunBalance", "loss_record", "measure_balance", "read_balance", "sample_rows"]

SAMPLE_ROWS = 512
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
        """Return what the user should know."""
        pull = "pulls" if len(labels) == 1 else "together pull"
        return (
            f"scale balanced: γ is {self.found.gamma:g}, so that at the start {' and '.join(labels)} {pull} on a "
            f"response {self.found.ratio:g} times as hard as the preference term (measured on {self.rows:,} rows)"
        )


def sample_rows(count: int) -> list[int]:
    """Return up to ``SAMPLE_ROWS`` rows, drawn at random but the same for every seed of a run, in order."""
    drawn = np.random.default_rng(0).permutation(count)[:SAMPLE_ROWS]
    return sorted(drawn.tolist())


def measure_balance(unified: UnifiedLoss, rows: Sequence[PreparedRow], device: torch.device) -> RunBalance:
    """Measure on rows with reference log-probs, which are the policy's before training."""
    inputs = {name: tensor.to(device) for name, tensor in loss_inputs(rows).items()}
    output = PolicyOutput(inputs["reference_NT"], torch.empty(0))  # the learned baseline is a constant here
    step = Step(unified=unified, beta=1.0)
    batch = step.preference_batch(output, inputs)
    found = balance(unified, batch, step.auxiliary_batch(output, inputs), sample_weight_N=sample_weights_N(inputs))
    return RunBalance(replace(found, gamma=float(f"{found.gamma:.{_DIGITS}g}")), len(rows))


def loss_record(unified: UnifiedLoss, scale: str, measured: RunBalance | None) -> dict[str, Any]:
    """Return what ``run.json`` says of the loss: enough for a resumed run to tell whether γ still holds."""
    gamma = None if scale == "balanced" and measured is None else unified.config.gamma
    known = {"balance": asdict(measured.found), "rows": measured.rows} if measured else {}
    return {**_question(unified, scale), "gamma": gamma, **known}


def read_balance(run: Path, unified: UnifiedLoss) -> RunBalance | None:
    """Return the balance of the run that is resumed, or None if it has none for these weights and this loss."""
    path = run / "run.json"
    record = json.loads(path.read_text(encoding="utf-8")).get("loss", {}) if path.is_file() else {}
    question = json.loads(json.dumps(_question(unified, "balanced")))
    if "balance" not in record or any(record.get(name) != asked for name, asked in question.items()):
        return None
    return RunBalance(Balance(**record["balance"]), record["rows"])


def _question(unified: UnifiedLoss, scale: str) -> dict[str, Any]:
    config: LossConfig = unified.config
    settings = config.model_dump(include={"lambda_", "expectile", "baseline", "length_normalization", "advantage_cap"})
    weights = {term.label: term.weight for term in (*unified.preference, *unified.auxiliary)}
    return {"scale": scale, "weights": weights, "lambda": settings.pop("lambda_"), **settings}
