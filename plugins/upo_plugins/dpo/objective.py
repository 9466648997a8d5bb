"""Direct Preference Optimization and its closest kin, as pure functions of the log-ratio difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

from upo_sdk.objectives import Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.dpo.options import DPOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["DPO", "hinge_loss", "ipo_loss", "sigmoid_loss"]


def sigmoid_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``−(1−ε) log σ(βΔ) − ε log σ(−βΔ)``, shape [B].

    ``Δ = (log π_w − log π_l) − (log ρ_w − log ρ_l)``. Rafailov et al., 2023 (arXiv 2305.18290), equation 7; ``ε > 0``
    is the conservative form of Mitchell, 2023.
    """
    kept = -F.logsigmoid(beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept - label_smoothing * F.logsigmoid(-beta * difference_B)


def hinge_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``(1−ε) max(0, 1 − βΔ) + ε max(0, 1 + βΔ)``, shape [B]. Zhao et al., 2023 (SLiC-HF, arXiv 2305.10425)."""
    kept = F.relu(1 - beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept + label_smoothing * F.relu(1 + beta * difference_B)


def ipo_loss(mean_difference_B: Tensor, beta: float) -> Tensor:
    """Return ``(Δ̄ − 1/(2β))²``, shape [B]; ``Δ̄`` uses log-probs averaged over tokens.

    Azar et al., 2023 (arXiv 2310.12036), equation 17; the averaging is that of the authors' later advice and of TRL.
    """
    return (mean_difference_B - 1 / (2 * beta)) ** 2


class DPO:
    """The ``dpo`` objective."""

    needs = Needs(reference=True, pairs=True)

    def __init__(self, options: DPOOptions) -> None:
        self.options = options

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to release."""

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]."""
        return PreferenceLoss(self._loss_B(batch))

    def _loss_B(self, batch: PreferenceBatch) -> Tensor:
        beta, smoothing = self.options.beta, self.options.label_smoothing
        match self.options.loss_type:
            case "ipo":
                assert batch.reference is not None  # noqa: S101 - declared in needs
                return ipo_loss(
                    batch.pair_difference_B(batch.policy.mean_N() - batch.reference.mean_N().detach()), beta
                )
            case "hinge":
                return hinge_loss(batch.pair_difference_B(batch.log_ratios_N()), beta, smoothing)
            case "sigmoid":
                return sigmoid_loss(batch.pair_difference_B(batch.log_ratios_N()), beta, smoothing)
