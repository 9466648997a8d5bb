"""The policy: one module around the language model, so that a trainer or an engine wraps exactly one forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from upo_sdk.policy.cpu_kernels import CPUKernels
from upo_sdk.policy.dropout import has_dropout

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts import Layout, PolicyOutput

__all__ = ["Policy"]


class Policy(nn.Module):
    """A causal language model read through a layout.

    Args:
        lm: The language model; its parameters are the policy's.
        layout: How a batch is laid out.
        cpu_kernels: Whether parts of the model may be computed in another way than its modules do.
    """

    accepts_loss_kwargs = False  # transformers.Trainer must not pass num_items_in_batch to forward

    def __init__(self, lm: PreTrainedModel, layout: Layout, *, cpu_kernels: bool = True) -> None:
        super().__init__()
        self.layout = layout
        self.lm = lm
        self.kernels = CPUKernels(lm, enabled=cpu_kernels)

    def use(self, lm: PreTrainedModel) -> None:
        """Read this language model from now on, such as a checkpoint of the first; it is on its device."""
        enabled = self.kernels.enabled
        self.kernels.remove()
        self.lm = lm
        self.kernels = CPUKernels(lm, enabled=enabled)

    @property
    def config(self) -> Any:
        """The language model's configuration, where trainers look for it."""
        return self.lm.config

    @property
    def hidden_size(self) -> int:
        """Width of the hidden state that the value head reads."""
        return int(self.lm.config.get_text_config().hidden_size)

    def train(self, mode: bool = True) -> Policy:  # noqa: FBT001, FBT002 - the signature of torch
        """Train the model in its evaluation mode, unless it has dropout or activation checkpointing needs the other.

        In training mode some models do more than drop out: they leave out layers, or add noise to a router.
        """
        super().train(mode)
        self.lm.train(mode and (has_dropout(self.lm) or self.lm.is_activation_checkpointing))
        return self

    def activation_checkpointing_enable(self, **kwargs: Any) -> None:
        """Pass on to the language model."""
        self.lm.activation_checkpointing_enable(**kwargs)

    def forward(self, **inputs: Tensor) -> PolicyOutput:
        """Return log-probs and prompt states of a batch collated by the layout; one forward of the model."""
        if not torch.is_grad_enabled() or not self.training or self.lm.is_activation_checkpointing:
            return self.layout.forward(self.lm, inputs)
        with self.kernels.keep_less(self.lm.device):
            return self.layout.forward(self.lm, inputs)
