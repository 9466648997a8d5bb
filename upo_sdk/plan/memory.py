"""How much memory training needs at most, roughly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upo_sdk.config import TrainingConfig

__all__ = ["MemoryEstimate", "estimate_memory"]


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """A rough upper estimate of the memory of training, in bytes.

    Attributes:
        weights: Parameters, gradients and optimizer state of the policy.
        activations: Hidden states and logits of one micro-batch at its maximal length.
    """

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """Everything together."""
        return self.weights + self.activations


def estimate_memory(
    training: TrainingConfig, model_config: Any, parameters: int, *, tokens_per_row: int
) -> MemoryEstimate:
    """Return the estimate for rows of at most so many tokens."""
    text = model_config.get_text_config()
    tokens = training.tokens_per_batch or training.per_device_train_batch_size * tokens_per_row
    per_token = 4 * (3 * text.vocab_size + 16 * text.num_hidden_layers * text.hidden_size)
    return MemoryEstimate(weights=16 * parameters, activations=tokens * per_token)
