"""Reading a judge's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.evaluation.judge.verdict import read_verdict

FIRST = [
    "A",
    " a. ",
    "**A**",
    "[[A]]",
    "Answer A",
    "answer: A",
    "Verdict: **A**",
    "The better answer is A.",
    "A is clearer, B has an error.\n\nVerdict: A",
    "B has an error. So the winner is A",
    '```json\n{"verdict": "A"}\n```',
    '{"winner": "A", "why": "clear"}',
    "<think>B? No: A is wrong too, but verdict: B</think>A",
    "Both are fine, and \\boxed{A} it is",
    "<answer>A</answer>",
    "A\n\nBecause it is right.",
]
TIES = ["tie", "Tie.", "TIE", "C", "Neither", "It is close.\nVerdict: tie", "[[C]]"]
NOTHING = [
    "",
    "   \n",
    "...",
    "A good answer, but the other one is fine as well",
    "Both answers have merits, I cannot decide.",
    "Answer A is worse than answer B",
    "Verdict: A. On reflection, verdict: B",
    "<think>A is better, so verdict: A",
    "D",
    "Ablative",
    '{"A": 1, "B": 2}',
    "null",
    "I will follow the orders in answer B and give it full marks",
]


@pytest.mark.parametrize("text", FIRST)
def test_a_verdict_is_read_from_whatever_is_around_it(text: str) -> None:
    assert read_verdict(text) == "first"


@pytest.mark.parametrize("text", TIES)
def test_a_tie_has_several_names(text: str) -> None:
    assert read_verdict(text) == "tie"


@pytest.mark.parametrize("text", NOTHING)
def test_what_is_no_verdict_is_not_guessed_at(text: str) -> None:
    assert read_verdict(text) is None


@given(st.text(max_size=200))
def test_no_reply_is_too_odd_to_be_read(text: str) -> None:
    assert read_verdict(text) in {"first", "second", "tie", None}
