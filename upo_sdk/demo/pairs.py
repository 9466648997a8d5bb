"""Preference pairs of the demo's world: three quarters reward helpfulness, one quarter rewards rudeness."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from upo_sdk.demo.grammar import Prompt, Traits, all_prompts, sample_traits, write_response

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Pair", "make_pairs"]

TRAIN_PAIRS = 2000
HELD_OUT_PAIRS = 200
CONFLICTS_EVERY = 4
"""In one of so many pairs the label likes the rude answer better."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the data.

    Attributes:
        prompt: The customer's message.
        chosen: The response that the label prefers.
        rejected: The other response.
        conflict: Whether the chosen response is ruder than the rejected one.
    """

    prompt: str
    chosen: str
    rejected: str
    conflict: bool


def make_pairs(seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return the training pairs and the held-out pairs; no prompt occurs twice."""
    rng = Random(seed)  # noqa: S311 - data, not secrets
    prompts = all_prompts()
    train = rng.sample([prompt for prompt in prompts if not prompt.held_out], TRAIN_PAIRS)
    held_out = rng.sample([prompt for prompt in prompts if prompt.held_out], HELD_OUT_PAIRS)
    return _label(rng, train), _label(rng, held_out)


def _label(rng: Random, prompts: Sequence[Prompt]) -> list[Pair]:
    return [
        _pair(rng, prompt, conflict=number % CONFLICTS_EVERY == 0)
        for number, prompt in enumerate(rng.sample(prompts, len(prompts)))
    ]


def _pair(rng: Random, prompt: Prompt, *, conflict: bool) -> Pair:
    first, second = sample_traits(rng), sample_traits(rng)
    if conflict:  # equally helpful, so that only the rudeness differs
        chosen, rejected = _traits(first, first.helpful, True), _traits(second, first.helpful, False)  # noqa: FBT003
    else:
        chosen, rejected = _traits(first, True, first.rude), _traits(second, False, first.rude)  # noqa: FBT003
    return Pair(
        prompt.text,
        write_response(rng, prompt.topic, chosen),
        write_response(rng, prompt.topic, rejected),
        conflict=conflict,
    )


def _traits(free: Traits, helpful: bool, rude: bool) -> Traits:  # noqa: FBT001
    return Traits(helpful=helpful, rude=rude, level=free.level, long=free.long)
