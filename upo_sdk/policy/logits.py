"""What a model does to its logits behind the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LogitTransform", "logit_transform"]


class LogitTransform(NamedTuple):
    """``cap · tanh(scale · x / cap)``, or ``scale · x`` without a cap."""

    scale: float = 1.0
    cap: float | None = None

    def __call__(self, logits_CV: Tensor) -> Tensor:
        """Return the logits that the model's own forward returns."""
        scaled_CV = logits_CV if self.scale == 1.0 else logits_CV * self.scale
        return scaled_CV if self.cap is None else torch.tanh(scaled_CV / self.cap) * self.cap


def logit_transform(config: Any) -> LogitTransform:
    """Read the transform from a model's configuration.

    Known: ``logit_scale`` (Cohere multiplies), ``logits_scaling`` (Granite divides), ``lm_head_multiplier`` (Falcon-H1
    multiplies), ``final_logit_softcapping`` (Gemma). An unknown one is caught by the check at the start of a run.
    """
    text = config.get_text_config()
    scale = float(getattr(text, "logit_scale", None) or 1.0) * float(getattr(text, "lm_head_multiplier", None) or 1.0)
    return LogitTransform(
        scale / float(getattr(text, "logits_scaling", None) or 1.0), getattr(text, "final_logit_softcapping", None)
    )
