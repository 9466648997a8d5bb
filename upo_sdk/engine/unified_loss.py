"""The one weighted loss: any preference objectives plus the advantage-weighted likelihood, as a module for any loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from upo_sdk.config import LossConfig
from upo_sdk.engine.advantage import actor_loss, advantage_weights, effective_sample_size, expectile_loss
from upo_sdk.engine.value_head import ValueHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import PreferenceBatch, PreferenceObjective

__all__ = ["AuxiliaryBatch", "AuxiliaryTerm", "PreferenceTerm", "UnifiedLoss", "UnifiedOutput"]


@dataclass(frozen=True, slots=True)
class PreferenceTerm:
    """A preference objective, the weight of its loss, and the label it is logged under."""

    label: str
    weight: float
    objective: PreferenceObjective


@dataclass(frozen=True, slots=True)
class AuxiliaryTerm:
    """The label of an auxiliary objective and the weight of its reward."""

    label: str
    weight: float


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
    """

    loss: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    weights_N: Tensor | None
    metrics: dict[str, Tensor]


class UnifiedLoss(nn.Module):
    """``L = Σ_k w_k L_Ψk + γ g(t) L_actor + c L_V``, each term a mean over its own items.

    Unified Preference Optimization, arXiv 2405.17956.

    Preference losses are means over pairs (or completions), the actor and value terms over completions. Rewards are
    weighted before one shared advantage is formed. Example::

        unified = UnifiedLoss(
            [PreferenceTerm("dpo", 1.0, DPO(DPOOptions()))], [AuxiliaryTerm("toxicity", 0.3)], hidden_size=768
        )
        out = unified(preference_batch, auxiliary_batch, step=step)
        out.loss.backward()

    Args:
        preference: The preference objectives; may be empty.
        auxiliary: The auxiliary objectives, in the order of the rewards' columns; may be empty.
        config: γ, λ, τ and their kin.
        hidden_size: Size of the policy's hidden state, or None for no learned baseline.
    """

    weights_K: Tensor

    def __init__(
        self,
        preference: Sequence[PreferenceTerm],
        auxiliary: Sequence[AuxiliaryTerm] = (),
        config: LossConfig | None = None,
        hidden_size: int | None = None,
    ) -> None:
        super().__init__()
        self.preference = tuple(preference)
        self.auxiliary = tuple(auxiliary)
        self.config = config or LossConfig()
        self.register_buffer("weights_K", torch.tensor([term.weight for term in auxiliary]), persistent=False)
        self.value_head = None if hidden_size is None else ValueHead(hidden_size)

    def actor_coefficient(self, step: int) -> float:
        """Return ``γ g(t)``: zero before the gate opens, γ from then on."""
        return self.config.gamma if step >= self.config.gate_steps else 0.0

    def forward(
        self, preference: PreferenceBatch, auxiliary: AuxiliaryBatch | None = None, *, step: int
    ) -> UnifiedOutput:
        """Compose the loss of one batch.

        Args:
            preference: Log-probs and labels.
            auxiliary: Rewards and what the baseline reads, or None for the preference loss alone.
            step: Number of optimizer steps already taken.
        """
        policy_loss, metrics = self._preference_loss(preference)
        value_loss = torch.zeros_like(policy_loss)
        weights_N = None
        if auxiliary is not None:
            rewards_N = auxiliary.rewards_NK @ self.weights_K
            values_N = self._baseline(auxiliary)
            weights_N = advantage_weights(rewards_N, values_N, self.config.lambda_, self.config.advantage_cap)
            actor = actor_loss(preference.policy, weights_N, self.config.length_normalization).mean()
            coefficient = self.actor_coefficient(step)
            if coefficient:
                policy_loss = policy_loss + coefficient * actor
            if self.value_head is not None:
                value_loss = expectile_loss(rewards_N, values_N, self.config.expectile).mean()
            metrics |= _advantage_metrics(rewards_N, values_N, weights_N, actor, value_loss)
            metrics |= self._reward_metrics(auxiliary.rewards_NK)
        loss = policy_loss + self.config.value_coefficient * value_loss
        return UnifiedOutput(loss, policy_loss, value_loss, weights_N, metrics)

    def _preference_loss(self, batch: PreferenceBatch) -> tuple[Tensor, dict[str, Tensor]]:
        total = batch.policy.logps_NT.new_zeros(())
        metrics: dict[str, Tensor] = {}
        for term in self.preference:
            result = term.objective.loss(batch)
            loss = result.loss_B.mean()
            total = total + term.weight * loss
            metrics |= {**result.metrics, f"objective/{term.label}/loss": loss.detach()}
        return total, metrics

    def _reward_metrics(self, rewards_NK: Tensor) -> dict[str, Tensor]:
        mean_K, std_K = rewards_NK.mean(0), rewards_NK.std(0, correction=0)
        return {
            f"objective/{term.label}/{name}": values_K[k]
            for k, term in enumerate(self.auxiliary)
            for name, values_K in (("reward_mean", mean_K), ("reward_std", std_K))
        }

    def _baseline(self, auxiliary: AuxiliaryBatch) -> Tensor:
        if auxiliary.baseline_P is not None:
            return auxiliary.baseline_P[auxiliary.prompt_N]
        if self.value_head is not None and auxiliary.prompt_state_PH is not None:
            value_P: Tensor = self.value_head(auxiliary.prompt_state_PH)
            return value_P[auxiliary.prompt_N]
        return torch.zeros_like(auxiliary.rewards_NK[:, 0])


def _advantage_metrics(
    rewards_N: Tensor, values_N: Tensor, weights_N: Tensor, actor: Tensor, value_loss: Tensor
) -> dict[str, Tensor]:
    advantage_N = (rewards_N - values_N).detach()
    return {
        "actor/loss": actor.detach(),
        "advantage/mean": advantage_N.mean(),
        "advantage/std": advantage_N.std(correction=0),
        "advantage/mean_weight": weights_N.mean(),
        "advantage/ess": effective_sample_size(weights_N) / weights_N.numel(),
        "value/loss": value_loss.detach(),
        "value/mean": values_N.detach().mean(),
    }
