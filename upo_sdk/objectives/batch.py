"""What objectives receive and return: frozen values, never a model and never a tokenizer.

Legend of shape suffixes, used throughout the SDK:

``B`` items of a batch (pairs, or unpaired completions); ``N`` completions (2B for pairs, B for unpaired data);
``T`` response tokens, padded to the longest of the batch; ``P`` prompts; ``H`` hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

__all__ = ["Completion", "PreferenceBatch", "PreferenceLoss", "TokenLogps"]


@dataclass(frozen=True, slots=True)
class Completion:
    """One response to one prompt, as plain text.

    Attributes:
        prompt: The prompt without chat-template tokens; messages of a conversation are joined by blank lines. Of what
            truncation shortened, this is what is left, here and below: what the policy learns.
        response: The response without template or end-of-sequence tokens; of several messages, the assistant's.
        columns: The dataset columns named in ``Needs.columns`` and ``Needs.score_columns``, and no others.
        token_count: Tokens of the response that are learned, without the final end-of-sequence token, if
            ``Needs.token_counts`` asks for it.
        prompt_messages: The prompt as messages, if the data is conversational and ``Needs.messages`` asks for it:
            ``role``, ``content`` (empty beside ``tool_calls`` alone) and every further key that the data has.
        response_messages: The response likewise.
    """

    prompt: str
    response: str
    columns: Mapping[str, object] = field(default_factory=dict[str, object])
    token_count: int | None = None
    prompt_messages: Sequence[Mapping[str, Any]] | None = None
    response_messages: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class TokenLogps:
    """Per-token log-probabilities of N responses, in nats.

    Attributes:
        logps_NT: ``log π(y_t | x, y_<t)``, float; whatever stands at masked positions never counts.
        mask_NT: Which positions are response tokens that are trained, bool; those of a user's or a tool's turn inside a
            response are not.
    """

    logps_NT: Tensor
    mask_NT: Tensor

    def sum_N(self) -> Tensor:
        """Return ``log π(y | x)``, the sum over the response tokens, shape [N]."""
        return self.logps_NT.masked_fill(~self.mask_NT, 0.0).sum(-1)

    def mean_N(self) -> Tensor:
        """Return the mean log-prob per response token, shape [N]; an empty response has mean 0."""
        return self.sum_N() / self.lengths_N().clamp(min=1)

    def lengths_N(self) -> Tensor:
        """Return ``|y|``, the number of trained response tokens, shape [N]."""
        return self.mask_NT.sum(-1)


@dataclass(frozen=True, slots=True)
class PreferenceBatch:
    """What a preference loss may read.

    Attributes:
        policy: Log-probs under the policy, with gradient.
        reference: Log-probs under the frozen reference, or None if no objective needs them.
        desirable_N: Which completions are chosen (pairs) or labelled desirable (unpaired), bool.
        chosen_B: Index into N of each pair's chosen completion, or None for unpaired data.
        rejected_B: Index into N of each pair's rejected completion, or None for unpaired data.
        kl: Scalar estimate of KL(π‖π_ref) from mismatched prompts and responses, detached, not negative, averaged
            over ranks; None if no objective needs it.
        margin_B: By how much each pair's chosen completion is better, from the data's column ``margin``; None if there
            is no such column or no objective that needs it. A loss subtracts it from its logit.
    """

    policy: TokenLogps
    reference: TokenLogps | None
    desirable_N: Tensor
    chosen_B: Tensor | None = None
    rejected_B: Tensor | None = None
    kl: Tensor | None = None
    margin_B: Tensor | None = None

    def log_ratios_N(self) -> Tensor:
        """Return ``log π(y|x) − log π_ref(y|x)`` per completion, shape [N]; the reference is detached.

        Raises:
            ValueError: There are no reference log-probs; declare ``Needs(reference=True)``.
        """
        if self.reference is None:
            msg = "this batch has no reference log-probs: declare Needs(reference=True)"
            raise ValueError(msg)
        return self.policy.sum_N() - self.reference.sum_N().detach()

    def pair_difference_B(self, values_N: Tensor) -> Tensor:
        """Return chosen minus rejected of a per-completion value, shape [B].

        Raises:
            ValueError: The data is unpaired; declare ``Needs(pairs=True)``.
        """
        if self.chosen_B is None or self.rejected_B is None:
            msg = "this batch has no pairs: declare Needs(pairs=True)"
            raise ValueError(msg)
        return values_N[self.chosen_B] - values_N[self.rejected_B]


@dataclass(frozen=True, slots=True)
class PreferenceLoss:
    """The result of a preference loss.

    Attributes:
        loss_B: One loss per item (pair or unpaired completion), not averaged, so that the engine can normalise
            over the whole accumulated batch.
        metrics: Detached scalars; every key starts with the objective's name.
    """

    loss_B: Tensor
    metrics: Mapping[str, Tensor] = field(default_factory=dict[str, "Tensor"])
