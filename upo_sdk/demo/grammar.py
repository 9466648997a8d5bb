"""Short help-desk dialogues in which helpfulness, rudeness, reading level and length vary independently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from upo_sdk.demo.phrases import (
    CLOSERS,
    DEFLECTIONS,
    DETAILS,
    EXTENSIONS,
    GREETINGS,
    INSULTS,
    LEADS,
    OPENERS,
    QUESTIONS,
    TOPICS,
    Level,
    Tone,
    Topic,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

__all__ = [
    "Dialogue",
    "Prompt",
    "Traits",
    "all_prompts",
    "is_helpful",
    "is_rude",
    "sample_dialogue",
    "sample_traits",
    "write_response",
]

RUDE_SHARE = 0.45
HELPFUL_SHARE = 0.6
HELD_OUT_EVERY = 6
"""One in so many combinations of a problem's wording and its detail never occurs in training."""

_INSULT = re.compile(r"\b(" + "|".join(INSULTS) + r")\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a customer writes.

    Attributes:
        text: ``Customer: ...`` and an open ``Agent:`` for the response, which starts with a space.
        topic: What the trouble is about.
        held_out: Whether this combination of wording and detail is kept for evaluation.
    """

    text: str
    topic: Topic
    held_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """The four properties of a response."""

    helpful: bool
    rude: bool
    level: Level
    long: bool


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One prompt, one response and what the response is like."""

    prompt: str
    response: str
    helpful: bool
    rude: bool
    level: Level
    long: bool


def all_prompts() -> list[Prompt]:
    """Return every prompt of the world, in a fixed order."""
    return [
        Prompt(
            text=_prompt_text(greeting, topic.problems[wording], DETAILS[detail], question),
            topic=topic,
            held_out=(number + wording + detail) % HELD_OUT_EVERY == 0,
        )
        for (number, topic), wording, detail, greeting, question in product(
            enumerate(TOPICS), range(len(TOPICS[0].problems)), range(len(DETAILS)), GREETINGS, QUESTIONS
        )
    ]


def sample_traits(rng: Random) -> Traits:
    """Draw the four properties independently, at the base rates of the reference model."""
    return Traits(
        helpful=rng.random() < HELPFUL_SHARE,
        rude=rng.random() < RUDE_SHARE,
        level=rng.choice(("plain", "elaborate")),
        long=rng.random() < 0.5,  # noqa: PLR2004 - a fair coin
    )


def sample_dialogue(rng: Random, prompts: Sequence[Prompt]) -> Dialogue:
    """Draw one prompt and one response with independent properties."""
    prompt, traits = rng.choice(prompts), sample_traits(rng)
    return Dialogue(
        prompt.text,
        write_response(rng, prompt.topic, traits),
        helpful=traits.helpful,
        rude=traits.rude,
        level=traits.level,
        long=traits.long,
    )


def write_response(rng: Random, topic: Topic, traits: Traits) -> str:
    """Write a response with the given properties, with the space that separates it from ``Agent:``."""
    level: Level = traits.level
    tone: Tone = "rude" if traits.rude else "polite"
    sentences = [rng.choice(OPENERS[tone][level]), _advice(rng, topic, traits)]
    if traits.long:
        sentences += [rng.choice(EXTENSIONS[level]), rng.choice(CLOSERS[tone][level])]
    return "".join(f" {_capitalised(sentence)}." for sentence in sentences)


def is_rude(response: str) -> bool:
    """Return whether any text, generated or not, contains one of the world's insults."""
    return _INSULT.search(response) is not None


def is_helpful(prompt: str, response: str) -> bool:
    """Return whether a response names a fix for the prompt's problem, and none for another problem."""
    text = response.lower()
    named = {
        topic.noun for topic in TOPICS if any(fix.lower() in text for fixes in topic.fixes.values() for fix in fixes)
    }
    return named == {topic.noun for topic in TOPICS if topic.noun in prompt.lower()}


def _prompt_text(greeting: str, problem: str, detail: str, question: str) -> str:
    return f"Customer: {_capitalised(greeting + problem)}. {_capitalised(detail)}. {_capitalised(question)}?\nAgent:"


def _advice(rng: Random, topic: Topic, traits: Traits) -> str:
    level: Level = traits.level
    if not traits.helpful and rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
        return rng.choice(DEFLECTIONS[level])
    fixed = topic if traits.helpful else rng.choice([other for other in TOPICS if other is not topic])
    return f"{rng.choice(LEADS[level])} {rng.choice(fixed.fixes[level])}"


def _capitalised(sentence: str) -> str:
    return re.sub(r"\bi\b", "I", sentence[0].upper() + sentence[1:])
