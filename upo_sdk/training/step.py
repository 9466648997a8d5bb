"""From a batch to the unified loss and its metrics: what one training step computes, without any trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from upo_sdk.loss import AuxiliaryBatch
from upo_sdk.objectives import PreferenceBatch, TokenLogps
from upo_sdk.statistics import ranked_right

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from upo_sdk.loss import UnifiedLoss, UnifiedOutput
    from upo_sdk.policy import PolicyOutput

__all__ = ["Step", "sample_weights_N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Connects the policy's output and the collated batch to the loss.

    Attributes:
        unified: The loss.
        beta: Scale of the implicit rewards ``β (log π − log ρ)`` in the metrics.
        probe_steps: Optimizer steps between two probes of the parameters' gradients; 0 is off.
        mean_over_ranks: Averages a scalar over ranks; the identity on one process.
    """

    unified: UnifiedLoss
    beta: float
    probe_steps: int = 0
    mean_over_ranks: Callable[[Tensor], Tensor] = lambda value: value

    def __call__(
        self, output: PolicyOutput, inputs: dict[str, Tensor], *, step: int, gradients: bool = False
    ) -> UnifiedOutput:
        """Return the loss of one micro-batch with every metric of the run; with its gradient in parts, if asked."""
        batch = self.preference_batch(output, inputs)
        auxiliary = self.auxiliary_batch(output, inputs) if self.unified.auxiliary else None
        weight_N = sample_weights_N(inputs)
        result: UnifiedOutput = self.unified(batch, auxiliary, step=step, sample_weight_N=weight_N, gradients=gradients)
        with torch.no_grad():
            result.metrics.update(preference_metrics(batch, self.beta))
        result.counts.update(_counts(batch))
        return result

    def preference_batch(self, output: PolicyOutput, inputs: dict[str, Tensor]) -> PreferenceBatch:
        """Return what the preference losses read."""
        policy = TokenLogps(output.logps_NT, inputs["mask_NT"])
        reference = TokenLogps(inputs["reference_NT"], inputs["mask_NT"]) if "reference_NT" in inputs else None
        completion_N = inputs["completion_N"]
        return PreferenceBatch(
            policy=_select(policy, completion_N),
            reference=_select(reference, completion_N) if reference else None,
            desirable_N=inputs["desirable_N"],
            chosen_B=inputs.get("chosen_B"),
            rejected_B=inputs.get("rejected_B"),
            kl=self._kl(policy, reference, inputs),
            margin_B=inputs.get("margin_B"),
        )

    def _kl(self, policy: TokenLogps, reference: TokenLogps | None, inputs: dict[str, Tensor]) -> Tensor | None:
        """Mean of ``log π − log ρ`` over mismatched prompts and responses of all ranks, not negative.

        A row of weight 2 counts as two rows, and so does the rank that holds more of them.
        """
        if "mismatched_K" not in inputs or reference is None:
            return None
        log_ratio_K = (policy.sum_N() - reference.sum_N())[inputs["mismatched_K"]].detach()
        weight_K = inputs["sample_weight_P"] if "sample_weight_P" in inputs else torch.ones_like(log_ratio_K)
        sums = self.mean_over_ranks(torch.stack([(weight_K * log_ratio_K).sum(), weight_K.sum()]))
        return (sums[0] / torch.where(sums[1] > 0, sums[1], torch.ones_like(sums[1]))).clamp(min=0)

    def auxiliary_batch(self, output: PolicyOutput, inputs: dict[str, Tensor]) -> AuxiliaryBatch:
        """Return what the auxiliary part reads."""
        return AuxiliaryBatch(
            rewards_NK=inputs["rewards_NK"],
            prompt_N=inputs["prompt_N"],
            prompt_state_PH=output.prompt_state_PH,
            baseline_P=inputs.get("baseline_P"),
        )


def preference_metrics(batch: PreferenceBatch, beta: float) -> dict[str, Tensor]:
    """Return TRL's metrics: log-probs and implicit rewards of chosen and rejected completions."""
    metrics: dict[str, Tensor] = {}
    logps_N = batch.policy.sum_N()
    rewards_N = beta * batch.log_ratios_N() if batch.reference is not None else None
    for name, which_N in (("chosen", batch.desirable_N), ("rejected", ~batch.desirable_N)):
        metrics[f"logps/{name}"] = _masked_mean(logps_N, which_N)
        if rewards_N is not None:
            metrics[f"rewards/{name}"] = _masked_mean(rewards_N, which_N)
    if rewards_N is not None and batch.chosen_B is not None:
        margin_B = batch.pair_difference_B(rewards_N)
        metrics |= {"rewards/margins": margin_B.mean(), "rewards/accuracies": ranked_right(margin_B).mean()}
    return metrics


def _counts(batch: PreferenceBatch) -> dict[str, Tensor | int]:
    """Return over how many completions, or pairs, the metrics of the preferences are means."""
    counts: dict[str, Tensor | int] = {}
    for name, which_N in (("chosen", batch.desirable_N), ("rejected", ~batch.desirable_N)):
        counts |= dict.fromkeys((f"logps/{name}", f"rewards/{name}"), which_N.sum())
    if batch.chosen_B is not None:
        counts |= dict.fromkeys(("rewards/margins", "rewards/accuracies"), len(batch.chosen_B))
    return counts


def sample_weights_N(inputs: dict[str, Tensor]) -> Tensor | None:
    """Return the weight of each completion, or None if all weigh the same."""
    return inputs["sample_weight_P"][inputs["prompt_N"]] if "sample_weight_P" in inputs else None


def _masked_mean(values_N: Tensor, which_N: Tensor) -> Tensor:
    """Return the mean of the marked values; NaN if none is marked, which the metrics' mean leaves out."""
    return values_N.detach().masked_fill(~which_N, 0).sum() / which_N.sum()


def _select(logps: TokenLogps, index_N: Tensor) -> TokenLogps:
    return TokenLogps(logps.logps_NT[index_N], logps.mask_NT[index_N])
