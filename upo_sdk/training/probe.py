"""The conflict probe: the parts of the loss compared by what they would do to the policy's parameters."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from upo_sdk.loss import gradient_metrics, parameter_gram

if TYPE_CHECKING:
    from torch import Tensor, nn

    from upo_sdk.loss import GradientParts

__all__ = ["probe"]


def probe(parts: GradientParts, policy: nn.Module) -> dict[str, Tensor]:
    """Return ``probe/...``: share, norm and cosine of every part, and the cosine of every two.

    One backward pass of the policy per part, and memory for all of their gradients. Nothing that training reads is
    changed.
    """
    gram_MM = parameter_gram(parts, [parameter for parameter in policy.parameters() if parameter.requires_grad])
    metrics = gradient_metrics(parts.names, parts.preference, gram_MM)
    norm_M = gram_MM.diagonal().sqrt()
    labels = [name.removeprefix("objective/") for name in parts.names]
    for (i, first), (j, second) in combinations(enumerate(labels), 2):
        metrics[f"cos/{first}/{second}"] = gram_MM[i, j] / (norm_M[i] * norm_M[j])
    return {f"probe/{name}": value for name, value in metrics.items()}
