"""The one truncation rule: the prompt loses its beginning first, then the response its end; everything is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TruncationReport", "truncate"]

Ids = list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncationReport:
    """What the limits on length changed.

    Attributes:
        rows: Rows in all.
        responses: Responses in all.
        prompts_shortened: Rows whose prompt lost its beginning.
        responses_shortened: Responses that lost their end, and with it the end-of-sequence token.
        tokens_dropped: Tokens lost in all; those of a prompt count once per row.
        pairs_left_out: Pairs that truncation made identical.
    """

    rows: int
    responses: int
    prompts_shortened: int
    responses_shortened: int
    tokens_dropped: int
    pairs_left_out: int

    def describe(self) -> str:
        """Return one sentence."""
        if not self.tokens_dropped:
            return "nothing was truncated"
        left_out = f"; {self.pairs_left_out:,} pairs became identical and are left out" if self.pairs_left_out else ""
        return (
            f"truncated: {self.prompts_shortened:,} of {self.rows:,} prompts lost their beginning, "
            f"{self.responses_shortened:,} of {self.responses:,} responses their end "
            f"({self.tokens_dropped:,} tokens){left_out}"
        )


def truncate(
    prompt: Ids, responses: Sequence[Ids], *, max_length: int, max_prompt_length: int | None, bos: int | None = None
) -> tuple[Ids, list[Ids]]:
    """Return the prompt and the responses so that the prompt with any one of them has at most ``max_length`` tokens.

    The prompt is the same for all responses of a row, so the longest one decides. It keeps at least one token, its
    last; if it begins with ``bos`` and two or more remain, ``bos`` stays the first. Every response keeps at least one.

    Args:
        prompt: Token ids, at least one.
        responses: Token ids, at least one each.
        max_length: At least two.
        max_prompt_length: At least one and less than ``max_length``, or None.
        bos: The beginning-of-sequence token.
    """
    room = max_length - max(map(len, responses))
    keep = max(1, min(len(prompt), room, max_prompt_length or max_length))
    shortened = _keep_end(prompt, keep, bos)
    return shortened, [response[: max_length - keep] for response in responses]


def _keep_end(prompt: Ids, keep: int, bos: int | None) -> Ids:
    if keep == len(prompt):
        return prompt
    if keep > 1 and prompt[0] == bos:
        return [prompt[0], *prompt[len(prompt) - keep + 1 :]]
    return prompt[len(prompt) - keep :]
