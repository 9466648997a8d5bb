"""The one weighted loss: any preference objectives plus the advantage-weighted likelihood, as a module for any loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from upo_sdk.config import LossConfig
from upo_sdk.errors import ConfigError
from upo_sdk.loss.advantage import (
    actor_loss,
    advantage_weights,
    effective_sample_size,
    expectile_loss,
    mean_shares,
    weighted_mean,
)
from upo_sdk.loss.gradients import GradientParts, actor_gradients, loss_gradient
from upo_sdk.loss.terms import UnifiedOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.loss.terms import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["UnifiedLoss", "ValueHead"]


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
        config: γ, λ, τ and their kin. With ``scale="balanced"``, :func:`balance` finds γ before the first step.
        hidden_size: Size of the policy's hidden state, or None for no learned baseline.
    """

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
        self.value_head = None if hidden_size is None else ValueHead(hidden_size)

    def actor_coefficient(self, step: int) -> float:
        """Return ``γ g(t)``: zero before the gate opens, γ from then on.

        Raises:
            ConfigError: γ was to be found in the data, and was not.
        """
        if self.config.scale == "balanced":
            raise ConfigError(
                "scale balanced has no γ yet: it is computed from the data",
                where="`loss.scale`",
                fix="unified.config = balance(unified, preference, auxiliary).applied_to(unified.config)",
            )
        return self.config.gamma if step >= self.config.gate_steps else 0.0

    def weights_at(self, step: int) -> dict[str, float]:
        """Return the weight of every objective after ``step`` optimizer steps, by label."""
        preference = {term.label: term.weight_at(step) for term in self.preference}
        return preference | {term.label: term.weight_at(step) for term in self.auxiliary}

    def forward(
        self,
        preference: PreferenceBatch,
        auxiliary: AuxiliaryBatch | None = None,
        *,
        step: int,
        sample_weight_N: Tensor | None = None,
        gradients: bool = False,
    ) -> UnifiedOutput:
        """Compose the loss of one batch.

        Args:
            preference: Log-probs and labels.
            auxiliary: Rewards and what the baseline reads, or None for the preference loss alone.
            step: Number of optimizer steps already taken.
            sample_weight_N: The weight of each completion in every term; both of a pair weigh the same. Every mean
                becomes ``Σ s ℓ / Σ s``.
            gradients: Split the gradient by the log-probs into the parts of the loss. It takes one short backward
                pass per preference objective, from its loss to the log-probs; the loss is the same.
        """
        policy = preference.policy
        losses, metrics = self._preference_losses(preference, sample_weight_N, step)
        policy_loss = sum(losses, policy.logps_NT.new_zeros(()))
        value_loss, weights_N = torch.zeros_like(policy_loss), None
        parts = [loss_gradient(loss, policy.logps_NT) for loss in losses] if gradients else []
        if auxiliary is not None:
            rewards_N, values_N = self._weighted_sum(auxiliary.rewards_NK, step), self._baseline(auxiliary)
            weights_N = advantage_weights(rewards_N, values_N, self.config.lambda_, self.config.advantage_cap)
            actor_N = actor_loss(policy, weights_N, self.config.normalization)
            actor = weighted_mean(actor_N, sample_weight_N)
            coefficient = self.actor_coefficient(step)
            if coefficient:
                policy_loss = policy_loss + coefficient * actor
            if self.value_head is not None:
                value_N = expectile_loss(rewards_N, values_N, self.config.expectile)
                value_loss = weighted_mean(value_N, sample_weight_N)
            metrics |= _advantage_metrics(rewards_N, values_N, weights_N, actor, value_loss)
            metrics |= self._reward_metrics(auxiliary.rewards_NK)
            if gradients:
                deviations_NK = self._weighted_deviations(auxiliary.rewards_NK, step)
                coefficient_N = coefficient * mean_shares(actor_N, sample_weight_N)
                advantage_N = (rewards_N - values_N).detach()
                parts += actor_gradients(policy, deviations_NK, advantage_N, self.config, coefficient_N)
        loss = policy_loss + self.config.value_coefficient * value_loss
        found = self._gradient_parts(parts, policy.logps_NT) if parts else None
        return UnifiedOutput(loss, policy_loss, value_loss, weights_N, metrics, found)

    def _preference_losses(
        self, batch: PreferenceBatch, sample_weight_N: Tensor | None, step: int
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        weighted, metrics = list[Tensor](), dict[str, Tensor]()
        for term in self.preference:
            result = term.objective.loss(batch)
            loss = weighted_mean(result.loss_B, _per_item(sample_weight_N, result.loss_B, batch))
            weighted.append(term.weight_at(step) * loss)
            metrics |= {**result.metrics, f"objective/{term.label}/loss": loss.detach()}
        return weighted, metrics

    def _weighted_sum(self, rewards_NK: Tensor, step: int) -> Tensor:
        """Return ``R = Σ_k w_k r_k``; the weights are plain numbers, so that no step copies them to the device."""
        terms = zip(self.auxiliary, rewards_NK.unbind(-1), strict=True)
        return sum((term.weight_at(step) * reward_N for term, reward_N in terms), torch.zeros_like(rewards_NK[:, 0]))

    def _weighted_deviations(self, rewards_NK: Tensor, step: int) -> Tensor:
        """Return ``w_k (r_k − mean r_k)``, shape [N, K]."""
        terms = zip(self.auxiliary, rewards_NK.unbind(-1), strict=True)
        return torch.stack([term.weight_at(step) * (reward_N - term.mean_reward) for term, reward_N in terms], -1)

    def _gradient_parts(self, parts: list[Tensor], logps_NT: Tensor) -> GradientParts:
        names = [f"objective/{term.label}" for term in self.preference]
        if self.auxiliary:
            names += ["likelihood", *(f"objective/{term.label}" for term in self.auxiliary)]
        return GradientParts(
            names=tuple(names),
            preference=len(self.preference),
            gradient_MNT=torch.stack(parts),
            logps_NT=logps_NT,
        )

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


def _per_item(sample_weight_N: Tensor | None, loss_B: Tensor, batch: PreferenceBatch) -> Tensor | None:
    """Return the weight of each item of a preference loss: of each pair if it has one loss per pair."""
    if sample_weight_N is None or len(loss_B) == len(sample_weight_N) or batch.chosen_B is None:
        return sample_weight_N
    return sample_weight_N[batch.chosen_B]


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


class ValueHead(nn.Module):
    """A three-layer perceptron H → H → H → 1 with ReLU, in fp32, on the hidden state of the last prompt token.

    It sees only the prompt, so V is a baseline and not a critic, and it detaches what it reads: the value regression
    never touches the language model.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, 1),
        ).float()

    def forward(self, prompt_state_PH: Tensor) -> Tensor:
        """Return V per prompt, shape [P], from hidden states of shape [P, H]."""
        value_P1: Tensor = self.layers(prompt_state_PH.detach().float())
        return value_P1.squeeze(-1)
