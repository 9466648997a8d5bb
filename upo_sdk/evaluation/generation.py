"""Seeded, batched sampling from a language model: a sequence's random numbers are its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.policy.generate import generate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.arrays import FloatArray

__all__ = ["Draw", "Sampling", "end_ids", "generate_ids"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How answers are sampled; the defaults are the paper's.

    Attributes:
        max_new_tokens: Tokens at most, the end-of-sequence token included.
        temperature: Divides the logits.
        top_p: The share of the probability mass that is kept, the most likely tokens first.
        seed: With the prompt's ids and the number of the sample, it fixes the random numbers of a sequence.
        num_samples: Answers per prompt; more of them leave the first ones as they are.
    """

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 0.95
    seed: int = 0
    num_samples: int = 1


class Draw(NamedTuple):
    """One sequence to sample: the prompt, and the index of this answer among the answers to it."""

    prompt_ids: Sequence[int]
    sample: int


def generate_ids(
    lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, draws: Sequence[Draw], sampling: Sampling
) -> list[list[int]]:
    """Sample one batch and return the new token ids of each sequence, up to and with its first end-of-sequence token.

    Prompts are padded on the left. Every sequence has its own random numbers, one per token, and the token is found by
    inverting the cumulative distribution. So neighbours, batch size and the process's random state do not matter, but
    for the last bits of the logits; and two models that answer the same prompt get the same numbers, which makes their
    paired difference less noisy. Nothing of the model's own generation settings is used but what ends a sequence.
    """
    import torch

    width, ends = max(len(draw.prompt_ids) for draw in draws), end_ids(lm, tokenizer)
    uniforms_BT = torch.tensor(np.stack([_uniforms_T(draw, sampling) for draw in draws]), device=lm.device)
    output: Any = generate(
        lm,
        tokenizer,
        [draw.prompt_ids for draw in draws],
        chooser=_Chooser(uniforms_BT, width, sampling),
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=sorted(ends) or None,
    )
    return [_up_to_end(ids, ends) for ids in output[:, width:].tolist()]


def end_ids(lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the tokens that end a sequence: the tokenizer's, and those of the model's generation settings."""
    own: Any = getattr(lm.generation_config, "eos_token_id", None)
    found = [tokenizer.eos_token_id, *(own if isinstance(own, list | tuple) else [own])]
    return frozenset(int(value) for value in found if isinstance(value, int))


class _Chooser:
    """Chooses the next token of every sequence; all others get probability 0.

    Attributes:
        uniforms_BT: One number in [0, 1) per sequence and new token.
        width: Positions of the padded prompts.
    """

    def __init__(self, uniforms_BT: torch.Tensor, width: int, sampling: Sampling) -> None:
        self._uniforms_BT, self._width, self._sampling = uniforms_BT, width, sampling

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores whose largest is the chosen token's."""
        uniform_B1 = self._uniforms_BT[:, input_ids.shape[1] - self._width].unsqueeze(-1)
        probability_BV, token_BV = (scores.float() / self._sampling.temperature).softmax(-1).sort(-1, descending=True)
        mass_BV = probability_BV.double().cumsum(-1)
        kept_BV = mass_BV - probability_BV < self._sampling.top_p  # the first token always is
        target_B1 = uniform_B1 * (mass_BV * kept_BV).amax(-1, keepdim=True)
        place_B1 = (mass_BV <= target_B1).sum(-1, keepdim=True).minimum(kept_BV.sum(-1, keepdim=True) - 1)
        chosen_B1 = token_BV.gather(-1, place_B1)
        return scores.new_full(scores.shape, -float("inf")).scatter_(-1, chosen_B1, 0.0)


def _uniforms_T(draw: Draw, sampling: Sampling) -> FloatArray:
    key = content_key("uniforms", 1, sampling.seed, list(draw.prompt_ids), draw.sample)
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16]))).random(sampling.max_new_tokens)


def _up_to_end(ids: list[int], ends: frozenset[int]) -> list[int]:
    end = next((place for place, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: end + 1]
