"""The losses of the family: pure functions of one value per pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "aot_loss",
    "apo_down_loss",
    "apo_zero_loss",
    "bco_pair_loss",
    "discopop_loss",
    "exo_pair_loss",
    "hinge_loss",
    "ipo_loss",
    "nca_pair_loss",
    "robust_loss",
    "sigmoid_loss",
    "sppo_hard_loss",
    "wpo_weights_B",
]


def sigmoid_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``−(1−ε) log σ(βΔ) − ε log σ(−βΔ)``, shape [B].

    ``Δ = (log π_w − log π_l) − (log ρ_w − log ρ_l)``. Rafailov et al., 2023 (arXiv 2305.18290), equation 7; ``ε > 0``
    is the conservative form (cDPO) of Mitchell, 2023. With log-ratios averaged over tokens it is ``sigmoid_norm``
    (Lambert et al., 2024, Tülu 3, arXiv 2411.15124).
    """
    kept = -F.logsigmoid(beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept - label_smoothing * F.logsigmoid(-beta * difference_B)


def robust_loss(difference_B: Tensor, beta: float, label_smoothing: float) -> Tensor:
    """Return ``[−(1−ε) log σ(βΔ) + ε log σ(−βΔ)] / (1 − 2ε)``, shape [B].

    If a share ε of the labels is flipped, its expectation is the loss of the clean labels; it is not bounded below.
    Chowdhury et al., 2024 (arXiv 2403.00409).
    """
    kept, flipped = -F.logsigmoid(beta * difference_B), -F.logsigmoid(-beta * difference_B)
    return ((1 - label_smoothing) * kept - label_smoothing * flipped) / (1 - 2 * label_smoothing)


def hinge_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``(1−ε) max(0, 1 − βΔ) + ε max(0, 1 + βΔ)``, shape [B].

    Liu et al., 2023 (RSO, arXiv 2309.06657), whose "hinge-norm" this is: SLiC-HF (Zhao et al., 2023, arXiv 2305.10425)
    has the hinge on the policy's log-probs alone, RSO puts those relative to the reference in their place.
    """
    kept = F.relu(1 - beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept + label_smoothing * F.relu(1 + beta * difference_B)


def ipo_loss(mean_difference_B: Tensor, beta: float) -> Tensor:
    """Return ``(Δ̄ − 1/(2β))²``, shape [B]; ``Δ̄`` uses log-probs averaged over tokens.

    Azar et al., 2023 (Identity Preference Optimization, arXiv 2310.12036), equation 17;
    the averaging is that of the authors' later advice and of TRL.
    """
    return (mean_difference_B - 1 / (2 * beta)) ** 2


def exo_pair_loss(difference_B: Tensor, beta: float, label_smoothing: float) -> Tensor:
    """Return ``KL(q ‖ p)`` with ``q = (σ(βΔ), σ(−βΔ))`` and ``p = (1−ε, ε)``, shape [B]; ``ε > 0``.

    Ji et al., 2024 (Efficient Exact Optimization, arXiv 2402.00856), equation 16 for two responses.
    """
    margin_B = beta * difference_B
    chosen_B = torch.sigmoid(margin_B) * (F.logsigmoid(margin_B) - math.log1p(-label_smoothing))
    rejected_B = torch.sigmoid(-margin_B) * (F.logsigmoid(-margin_B) - math.log(label_smoothing))
    return chosen_B + rejected_B


def nca_pair_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``−log σ(βr_w) − ½ log σ(−βr_w) − ½ log σ(−βr_l)``, shape [B]; ``r = log π − log ρ``.

    Chen et al., 2024 (Noise Contrastive Alignment, arXiv 2402.05369), the pairwise form of NCA.
    """
    noise_B = F.logsigmoid(-beta * chosen_B) + F.logsigmoid(-beta * rejected_B)
    return -F.logsigmoid(beta * chosen_B) - 0.5 * noise_B


def bco_pair_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``−log σ(βr_w) − log σ(−βr_l)``, shape [B]; ``r = log π − log ρ``.

    Jung et al., 2024 (Binary Classifier Optimization, arXiv 2404.04656), for pairs and without the reward
    shift δ, as in TRL's ``bco_pair``.
    """
    return -F.logsigmoid(beta * chosen_B) - F.logsigmoid(-beta * rejected_B)


def sppo_hard_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``(r_w − 1/(2β))² + (r_l + 1/(2β))²``, shape [B]; ``r = log π − log ρ``.

    Wu et al., 2024 (Self-Play Preference Optimization, arXiv 2405.00675), equation 4.7 with the probability of
    winning set to 1 and 0; ``β = 1/η``.
    """
    return (chosen_B - 0.5 / beta) ** 2 + (rejected_B + 0.5 / beta) ** 2


def aot_loss(upper_B: Tensor, lower_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return the logistic loss of ``sort(u) − sort(v)``, shape [B]: the i-th item belongs to the i-th quantile.

    Paired: ``u = log π_w − log π_l``, ``v = log ρ_w − log ρ_l``. Unpaired: ``u = r_w``, ``v = r_l`` with
    ``r = log π − log ρ``. The policy is asked to dominate stochastically, in distribution and not pair by pair.
    Melnyk et al., 2024 (Alignment via Optimal Transport, arXiv 2406.05882).
    """
    return sigmoid_loss(upper_B.sort().values - lower_B.sort().values, beta, label_smoothing)


def apo_zero_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``1 − σ(βr_w) + σ(βr_l)``, shape [B]; ``r = log π − log ρ``.

    For data better than the model: chosen up, rejected down. D'Oosterlinck et al., 2024 (Anchored Preference
    Optimization, arXiv 2408.06266), equation 7.
    """
    return 1 - torch.sigmoid(beta * chosen_B) + torch.sigmoid(beta * rejected_B)


def apo_down_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``σ(βr_w) + 1 − σ(β(r_w − r_l))``, shape [B]; ``r = log π − log ρ``.

    For data worse than the model: both down, rejected more. D'Oosterlinck et al., 2024 (Anchored Preference
    Optimization, arXiv 2408.06266), equation 8.
    """
    return torch.sigmoid(beta * chosen_B) + 1 - torch.sigmoid(beta * (chosen_B - rejected_B))


_LARGEST_EXPONENT = 80.0  # keeps e^x finite in fp32, where the blend gives it weight zero anyway


def discopop_loss(difference_B: Tensor, beta: float, tau: float) -> Tensor:
    """Return ``(1−m)·(−log σ(βΔ)) + m·exp(−βΔ)`` with ``m = σ(βΔ/τ)``, shape [B].

    Lu et al., 2024 (arXiv 2406.08414), equation 5, which a language model proposed. Neither convex nor
    monotonic: at ``Δ = 0`` and the paper's ``τ = .05`` it rises with Δ, so that a policy equal to its reference first
    moves away from the label.
    """
    margin_B = beta * difference_B
    blend_B = torch.sigmoid(margin_B / tau)
    exponential_B = torch.exp((-margin_B).clamp(max=_LARGEST_EXPONENT))
    return -F.logsigmoid(margin_B) * (1 - blend_B) + exponential_B * blend_B


def wpo_weights_B(mean_chosen_B: Tensor, mean_rejected_B: Tensor) -> Tensor:
    """Return ``exp(log π(y_w|x)/|y_w|) · exp(log π(y_l|x)/|y_l|)``, shape [B]; without gradient.

    Zhou et al., 2024 (arXiv 2406.11827), equation 2. The paper's weight alignment, which divides each token's
    probability by ``Σ_v p_v²``, needs the whole next-token distribution and is left out.
    """
    return torch.exp(mean_chosen_B + mean_rejected_B).detach()
