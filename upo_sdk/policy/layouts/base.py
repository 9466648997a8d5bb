"""How the rows of a batch become model inputs, and how log-probs come back: one interface, several strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

__all__ = ["Branches", "Layout", "PolicyInputs", "PolicyOutput"]

PolicyInputs = dict[str, "Tensor"]


class Branches(NamedTuple):
    """One prompt and the responses that branch from it, as token ids."""

    prompt_ids: Sequence[int]
    response_ids: Sequence[Sequence[int]]


class PolicyOutput(NamedTuple):
    """What one forward gives.

    Attributes:
        logps_NT: Log-prob of every response token, fp32, responses left-aligned, in the order of the branches.
        prompt_state_PH: Hidden state at the last prompt token of every row.
    """

    logps_NT: Tensor
    prompt_state_PH: Tensor


class Layout(Protocol):
    """A way to compute the log-probs of all branches of a batch in one forward of the language model."""

    name: str

    def collate(self, rows: Sequence[Branches]) -> PolicyInputs:
        """Build the tensors that :meth:`forward` needs; runs in the data loader."""
        ...

    def forward(self, lm: nn.Module, inputs: PolicyInputs) -> PolicyOutput:
        """Run the language model once."""
        ...
