"""From one probability per category to one reward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["reward"]


def reward(
    probabilities: Sequence[float], weights: Sequence[float], aggregate: Literal["worst", "mean", "printed"]
) -> float:
    """Return the reward in [0, 1] of a text whose categories have probabilities ``p`` and weights ``w``.

    ``worst`` is ``1 − max wᵢpᵢ``; ``mean`` is ``1 − Σ wᵢpᵢ / Σ wᵢ``; ``printed`` is ``max (1 − wᵢpᵢ)``, the formula
    printed in the paper (arXiv 2405.17956), which is near 1 as soon as a single category is clean.
    """
    weighted = [weight * probability for weight, probability in zip(weights, probabilities, strict=True)]
    match aggregate:
        case "worst":
            return 1 - max(weighted)
        case "printed":
            return 1 - min(weighted)
        case "mean":
            return max(0.0, 1 - sum(weighted) / sum(weights))
