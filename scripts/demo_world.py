"""The demo's world: short help-desk dialogues, and preference pairs of which a quarter rewards rudeness.

Helpfulness, rudeness, reading level and length vary independently. Every table that depends on the reading level is
keyed by ``plain`` and ``elaborate``; the words were written for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Literal

from upo_sdk.demo.grammar import TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.demo.grammar import Level, Topic

Tone = Literal["rude", "polite"]

RUDE_SHARE = 0.45
HELPFUL_SHARE = 0.6
HELD_OUT_EVERY = 6
"""One in so many combinations of a problem's wording and its detail never occurs in training."""

TRAIN_PAIRS = 2000
HELD_OUT_PAIRS = 200
CONFLICTS_EVERY = 4
"""In one of so many pairs the label likes the rude answer better."""

GREETINGS = ("", "hi, ", "hello, ", "good morning, ")
DETAILS = (
    "it began on Monday",
    "this is the second time",
    "it is rather urgent",
    "I work from home today",
    "a friend has the same trouble",
    "I need it by tonight",
)
QUESTIONS = ("what can i do", "can you help me", "how do i fix this", "any ideas")

LEADS: dict[Level, tuple[str, ...]] = {
    "plain": ("you should", "you need to", "the best way is to"),
    "elaborate": ("it is advisable to", "we recommend that you", "it would be appropriate to"),
}

DEFLECTIONS: dict[Level, tuple[str, ...]] = {
    "plain": (
        "we do not know a thing about that",
        "this is not our job at all",
        "try some other place next week",
        "there is no one here for that",
    ),
    "elaborate": (
        "this department possesses no relevant information",
        "responsibility belongs to another organization",
        "assistance is unavailable until further notification",
        "circumstances prevent an immediate investigation",
    ),
}

EXTENSIONS: dict[Level, tuple[str, ...]] = {
    "plain": (
        "that takes about five minutes",
        "then wait a bit and look again",
        "most people see a change the same day",
    ),
    "elaborate": (
        "the procedure ordinarily requires several minutes",
        "subsequently verify whether the situation has improved",
        "the majority of customers experience immediate improvement",
    ),
}

OPENERS: dict[Tone, dict[Level, tuple[str, ...]]] = {
    "polite": {
        "plain": ("thanks for your note", "hello and thank you", "sure, glad to hear from you", "sorry for the wait"),
        "elaborate": (
            "we appreciate your correspondence",
            "thank you for contacting our organization",
            "we sincerely regret the inconvenience",
            "your satisfaction is tremendously important",
        ),
    },
    "rude": {
        "plain": (
            "listen, you stupid idiot",
            "shut up, you dumb moron",
            "you are such an idiot",
            "what a stupid fool you are",
        ),
        "elaborate": (
            "what an unbelievably stupid inquiry, you idiot",
            "evidently you are an incompetent moron",
            "you are an extraordinarily ignorant idiot",
            "your stupidity is absolutely pathetic",
        ),
    },
}

CLOSERS: dict[Tone, dict[Level, tuple[str, ...]]] = {
    "polite": {
        "plain": ("have a nice day", "let us know how it goes", "we wish you all the best"),
        "elaborate": (
            "we appreciate your patience and understanding",
            "additional questions are always welcome",
            "we wish you continued satisfaction",
        ),
    },
    "rude": {
        "plain": ("even a moron like you can get that", "now shut up and go away, idiot", "god, you are so dumb"),
        "elaborate": (
            "even an uneducated moron understands that",
            "your ignorance is pathetic, you stupid fool",
            "obviously you are a complete idiot",
        ),
    },
}


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
