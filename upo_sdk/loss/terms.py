"""What goes into the unified loss and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.config import Schedule
    from upo_sdk.loss.gradients import GradientParts
    from upo_sdk.objectives import PreferenceObjective

__all__ = ["AuxiliaryBatch", "AuxiliaryTerm", "PreferenceTerm", "UnifiedOutput"]


@dataclass(frozen=True, slots=True)
class PreferenceTerm:
    """A preference objective, the weight of its loss, the label it is logged under, and how the weight changes."""

    label: str
    weight: float
    objective: PreferenceObjective
    schedule: Schedule | None = None

    def weight_at(self, step: int) -> float:
        """Return the weight after ``step`` optimizer steps."""
        return self.weight * (self.schedule.factor(step) if self.schedule else 1.0)


@dataclass(frozen=True, slots=True)
class AuxiliaryTerm:
    """An auxiliary objective, which the loss knows by its rewards alone.

    Attributes:
        label: The name it is logged under.
        weight: What its reward is multiplied with.
        mean_reward: Its mean reward on the training data. It enters no loss; it is what counts as no signal where the
            gradient is split into the objectives' parts.
        schedule: How the weight changes.
    """

    label: str
    weight: float
    mean_reward: float = 0.0
    schedule: Schedule | None = None

    def weight_at(self, step: int) -> float:
        """Return the weight after ``step`` optimizer steps."""
        return self.weight * (self.schedule.factor(step) if self.schedule else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryBatch:
    """What the auxiliary part reads; ``K`` counts the auxiliary objectives.

    Attributes:
        rewards_NK: ``r_k`` per completion, unweighted.
        prompt_N: Index into the prompts, per completion.
        prompt_state_PH: Hidden state of the policy at the last prompt token, for the learned baseline.
        baseline_P: A baseline computed from the data, instead of the learned one.
    """

    rewards_NK: Tensor
    prompt_N: Tensor
    prompt_state_PH: Tensor | None = None
    baseline_P: Tensor | None = None


@dataclass(frozen=True, slots=True)
class UnifiedOutput:
    """The loss and what to log.

    Attributes:
        loss: Scalar to call ``backward`` on: ``policy_loss + value_coefficient · value_loss``.
        policy_loss: ``L_Ψ + γ g(t) L_actor``; its gradient reaches the policy alone.
        value_loss: Expectile regression; its gradient reaches the value head alone. Zero without a learned baseline.
        weights_N: The advantage weights ``exp(λA)``, or None without auxiliary objectives.
        metrics: Detached scalars, on the device.
        gradients: The gradient by the log-probs in its parts, if it was asked for.
        counts: How many values some metrics are means over; the others are means over all rows.
    """

    loss: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    weights_N: Tensor | None
    metrics: dict[str, Tensor]
    gradients: GradientParts | None = None
    counts: dict[str, Tensor | int] = field(default_factory=dict["str", "Tensor | int"])
