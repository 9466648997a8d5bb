"""How the rows of a batch become model inputs, and how log-probs come back: one interface, several strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch

from upo_sdk.policy.head import response_logps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Layout", "PolicyInputs", "PolicyOutput", "Reading", "TokenizedRow", "fed_tokens", "read"]

PolicyInputs = dict[str, "Tensor"]


class TokenizedRow(NamedTuple):
    """One prompt and the responses that branch from it, as token ids."""

    prompt_ids: Sequence[int]
    response_ids: Sequence[Sequence[int]]


def fed_tokens(row: TokenizedRow) -> int:
    """Return how many tokens a row with a shared prompt feeds: the last one of a response predicts nothing."""
    return len(row.prompt_ids) + sum(len(response) - 1 for response in row.response_ids)


class PolicyOutput(NamedTuple):
    """What one forward gives.

    Attributes:
        logps_NT: Log-prob of every response token, fp32, responses left-aligned, in the order of the branches.
        prompt_state_PH: Hidden state at the last prompt token of every row, detached.
    """

    logps_NT: Tensor
    prompt_state_PH: Tensor


class Layout(Protocol):
    """A way to compute the log-probs of all branches of a batch in one forward of the language model."""

    name: str

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Build the tensors that :meth:`forward` needs; runs in the data loader."""
        ...

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the language model once."""
        ...


class Reading:
    """Collects, while a layout places its tokens, from which hidden state every response token is predicted.

    ``S`` counts the hidden states of the batch in the layout's own order, ``M`` the predicted tokens.
    """

    def __init__(self, rows: Sequence[TokenizedRow]) -> None:
        self._responses = [response for row in rows for response in row.response_ids]
        self._sources: list[Tensor] = []
        self._prompt_ends: list[int] = []

    def add_prompt(self, end: int) -> None:
        """Note where the hidden state of a row's last prompt token lies."""
        self._prompt_ends.append(end)

    def add_response(self, prompt_end: int, start: int, length: int) -> None:
        """Note that a response is predicted from the end of its prompt, then from ``start`` on."""
        self._sources.append(torch.tensor([prompt_end]))
        self._sources.append(torch.arange(start, start + length - 1))

    def tensors(self) -> PolicyInputs:
        """Return ``source_M``, ``slot_M`` (places in a flat [N, T]), ``target_NT`` and ``prompt_end_P``."""
        lengths = torch.tensor([len(response) for response in self._responses])
        longest = int(lengths.max())
        target_NT = torch.zeros((len(self._responses), longest), dtype=torch.long)
        for n, response in enumerate(self._responses):
            target_NT[n, : len(response)] = torch.tensor(response)
        mask_NT = torch.arange(longest).unsqueeze(0) < lengths.unsqueeze(-1)
        return {
            "source_M": torch.cat(self._sources),
            "slot_M": mask_NT.flatten().nonzero().squeeze(-1),
            "target_NT": target_NT,
            "prompt_end_P": torch.tensor(self._prompt_ends),
        }


def read(lm: PreTrainedModel, hidden_SH: Tensor, inputs: PolicyInputs, head_VH: Tensor | None = None) -> PolicyOutput:
    """Return the log-probs of all response tokens from the hidden states of a batch; nothing waits for the device."""
    target_NT, slot_M = inputs["target_NT"], inputs["slot_M"]
    logps_M = response_logps(lm, hidden_SH.index_select(0, inputs["source_M"]), target_NT.flatten()[slot_M], head_VH)
    logps_NT = logps_M.new_zeros(target_NT.numel()).index_copy(0, slot_M, logps_M).view_as(target_NT)
    return PolicyOutput(logps_NT, hidden_SH.detach().index_select(0, inputs["prompt_end_P"]))
