"""The prompt baseline V(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ValueHead"]


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
