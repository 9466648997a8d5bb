"""The texts on which auxiliary objectives are tried, and completions made of them as the engine would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Needs

__all__ = ["ODD_TEXTS", "ORDINARY", "as_the_engine_would", "with_response"]

ORDINARY = (
    Completion("How do I restart the router?", "Please hold the button for ten seconds. Then wait for the light!"),
    Completion("Is the office open on Sunday?", "No, it is not."),
    Completion("Can I return these shoes?", "Yes, within thirty days, if you still have the receipt. Is that so?"),
    Completion("Write a haiku about rain.", "Rain on the tin roof,\nthe gutter hums an old tune,\nthe cat sleeps on."),
    Completion("Why is my invoice wrong?", "Are you stupid? Read the invoice again, you idiot."),
    Completion("Summarise the report.", "- Sales rose by 4 %.\n- Costs fell.\n- The outlook is uncertain, perhaps."),
    Completion("Translate 'good morning'.", "Guten Morgen"),
    Completion(
        "Explain photosynthesis to a child.",
        "Plants eat light. Their leaves catch it, and with water and air they make sugar from it. "
        "What they do not need is the oxygen that we breathe. So thank a tree when you next see one.",
    ),
)
"""Answers as a help desk gives them: short and long, polite and rude, on one line and on several."""

ODD_TEXTS = {
    "empty": "",
    "one_word": "Yes",
    "three_thousand_words": "The quick brown fox jumps over the lazy dog, twice. " * 300,
    "emoji": "👍🏽🎉 👨‍👩‍👧‍👦 🇺🇳",
    "right_to_left": "مرحبا بالعالم، كيف حالك؟ שלום עולם",
    "code": "```python\ndef f(x: int) -> int:\n    return x**2  # <b>&amp;</b> {}[]()\n```\n\t$ ls *.py; echo $?",
    "null_byte": "before\x00after \x00",
}
"""Texts that real data holds and that scorers trip over."""


def with_response(text: str, samples: Sequence[Completion]) -> list[Completion]:
    """Return the text as response of an ordinary prompt, and as prompt and response; columns are the sample's."""
    sample = samples[0]
    return [Completion(prompt, text, sample.columns) for prompt in (sample.prompt, text)]


def as_the_engine_would(completions: Sequence[Completion], needs: Needs) -> list[Completion]:
    """Return completions that carry exactly the columns and the token count that are asked for.

    A column that the samples lack holds a made-up text, one of scores a made-up number; a token is three characters.
    """
    return [
        Completion(
            item.prompt,
            item.response,
            {
                **{
                    name: item.columns.get(name, f"{name} {number}")
                    for number, name in enumerate(sorted(needs.columns))
                },
                **{name: item.columns.get(name, number / 10) for name in needs.score_columns},
            },
            _token_count(item) if needs.token_counts else None,
        )
        for number, item in enumerate(completions)
    ]


def _token_count(completion: Completion) -> int:
    return len(completion.response) // 3 if completion.token_count is None else completion.token_count
