"""One sequence at a time, as if it were alone: for models in which padding or a neighbour changes results."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from upo_sdk.classifiers.windows import forget_lengths
from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts.base import TokenizedRow

__all__ = ["SingleLayout", "plain_forward"]


class SingleLayout:
    """``[prompt | response]``, one forward each, without padding or mask. Exact by construction, and the slowest."""

    name = "single"

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return ``ids_NL`` and ``target_NT``, padded, their lengths, and the first sequence of every row."""
        sequences = [torch.tensor([*prompt, *response]) for prompt, responses in rows for response in responses]
        targets = [torch.tensor(response) for row in rows for response in row.response_ids]
        counts = torch.tensor([len(row.response_ids) for row in rows])
        return {
            "ids_NL": pad_sequence(sequences, batch_first=True),
            "length_N": torch.tensor([len(ids) for ids in sequences]),
            "target_NT": pad_sequence(targets, batch_first=True),
            "target_length_N": torch.tensor([len(target) for target in targets]),
            "first_P": counts.cumsum(0) - counts,
        }

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the model once per sequence."""
        longest = inputs["target_NT"].shape[1]
        logps, states = list[Tensor](), list[Tensor]()
        lengths = torch.stack([inputs["length_N"], inputs["target_length_N"]], dim=-1).tolist()
        for ids_L, (length, count) in zip(inputs["ids_NL"], lengths, strict=True):
            logps_T, state_H = plain_forward(lm, ids_L[:length], count)
            logps.append(pad(logps_T, (0, longest - count)))
            states.append(state_H)
        return PolicyOutput(torch.stack(logps), torch.stack(states).index_select(0, inputs["first_P"]))


def plain_forward(lm: PreTrainedModel, ids_L: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the log-probs of the last ``count`` tokens, fp32, and the last hidden state in front of them, detached.

    By the model's own forward on one sequence: no padding, no mask, no cache, nothing left of earlier sequences.
    """
    forget_lengths(lm)
    keep = {"logits_to_keep": count + 1} if "logits_to_keep" in inspect.signature(lm.forward).parameters else {}
    output: Any = lm(input_ids=ids_L.unsqueeze(0), output_hidden_states=True, use_cache=False, **keep)
    logits_TV = output.logits[0, -count - 1 : -1].float()
    target_T1 = ids_L[-count:].unsqueeze(-1)
    logps_T: Tensor = logits_TV.gather(-1, target_T1).squeeze(-1) - logits_TV.logsumexp(-1)
    return logps_T, output.hidden_states[-1][0, -count - 1].detach()
