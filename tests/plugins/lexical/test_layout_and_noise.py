"""Lists, headings, tables and noise: what is no prose as it stands is read as prose, or said to be none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upo_plugins.lexical.objective import Lexical
from upo_plugins.lexical.options import LexicalOptions
from upo_plugins.lexical.prose import credibility
from upo_plugins.lexical.sentences import as_sentences
from upo_plugins.markdown import without_code
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

ITEMS = (
    "Wash the rice in cold water",
    "Add two cups of water to the pot",
    "Bring it to a boil and cover it",
    "Turn the heat down and wait for fifteen minutes",
    "Let it rest and fluff it with a fork",
    "Serve it with the beans that are left from the day before",
    "Keep what remains in a closed box",
)
PLAIN = "".join(f"{item}. " for item in ITEMS)


def objective(**options: Any) -> Lexical:
    found = Lexical(LexicalOptions(**options))
    found.setup("cpu")
    return found


def rewards(*responses: str, **options: Any) -> Sequence[float]:
    return objective(**options).rewards([Completion("", response) for response in responses])


@pytest.mark.parametrize(
    "layout",
    [
        "\n".join(f"- {item}" for item in ITEMS),
        "\n".join(f"* {item}." for item in ITEMS),
        "\n\n".join(f"{number}. **{item}**" for number, item in enumerate(ITEMS)),
        "\n".join(f"{letter}) {item}" for letter, item in zip("abcdefg", ITEMS, strict=True)),
        "\n".join(f"- [ ] {item};" for item in ITEMS),
        "\n".join(ITEMS),
        "\n".join(f"| {item} |" for item in ITEMS),
        "\n".join(f"## {item}\n" for item in ITEMS),
        "\n".join(f"> {item}:\n" for item in ITEMS),
    ],
)
def test_items_rows_and_headings_read_as_the_sentences_they_are(layout: str) -> None:
    assert as_sentences(layout) == PLAIN.strip()
    assert rewards(layout) == rewards(PLAIN) == [1.0]
    assert rewards(layout, metric="grade_band") == pytest.approx(rewards(PLAIN, metric="grade_band"), abs=0.01)


def test_a_line_that_was_wrapped_for_want_of_room_goes_on() -> None:
    text = "The committee met on Monday to discuss the plan for the new\nschool near the river and\nthe old bridge."
    assert as_sentences(text) == text.replace("\n", " ")


def test_items_of_a_word_or_two_are_enumerated_instead_of_left_out_of_the_count() -> None:
    assert as_sentences("- Milk\n- Bread\n- Eggs\n- Rice and beans\n- Tea") == "Milk, Bread, Eggs. Rice and beans. Tea."


def test_the_head_and_the_rows_of_a_table_are_sentences_and_its_ruler_is_nothing() -> None:
    table = "| Town | Many people live there |\n|:---|---:|\n| Rome | It is very old |"
    assert as_sentences(table) == "Town ,  Many people live there. Rome ,  It is very old."


def test_prose_is_left_as_it_is() -> None:
    assert as_sentences(PLAIN) == PLAIN.strip()


@given(
    st.lists(st.sampled_from(ITEMS), min_size=3, max_size=8, unique=True), st.sampled_from([".", "", "\n", ";", "!"])
)
@settings(max_examples=40, deadline=None)
def test_how_the_items_of_a_list_end_changes_little(items: list[str], end: str) -> None:
    bare, ended = rewards("\n".join(f"- {item}" for item in items), "\n".join(f"- {item}{end}" for item in items))
    assert abs(bare - ended) <= 0.2 + 1e-9  # one grade


TEXTS = (
    PLAIN,
    "Considerable heterogeneity complicates epidemiological investigations of socioeconomic deprivation.",
    "I think it might rain. You can't know, but perhaps we should take the big umbrella with us to the park today.",
    "Yes.",
    "aaaa",
)


@pytest.mark.parametrize("metric", ["readability", "grade_band", "formality", "hedging"])
@pytest.mark.parametrize("text", TEXTS)
def test_saying_a_text_again_and_again_does_not_make_it_better(metric: str, text: str) -> None:
    once, often = rewards(text, f"{text} " * 40, metric=metric, shrink_words=0)
    assert often <= max(once, 0.5) + 0.2 + 1e-9  # grades are whole numbers: one of them is .2


@pytest.mark.parametrize("metric", ["readability", "grade_band", "formality", "hedging"])
@pytest.mark.parametrize(
    "noise", ["a" * 5000, "a " * 5000, "a. " * 500, "ha ha ha ha ha ha", "Yes.", "Hi there.", "x" * 40 + " is it"]
)
def test_noise_and_single_words_are_neutral_and_counted(metric: str, noise: str) -> None:
    lexical = objective(metric=metric)
    assert lexical.rewards([Completion("", noise), Completion("", PLAIN)])[0] == 0.5
    assert "1 of 2 cannot be measured" in lexical.remarks()[0]
    assert lexical.remarks() == []
    assert math.isnan(next(iter(lexical.measures([Completion("", noise)]).values()))[0])


def test_credibility_falls_with_repetition_and_with_endless_words() -> None:
    assert credibility(["some", "plain", "words"]) == 1
    assert credibility(["no", "no", "no", "yes"] * 30) == 0
    # a window of 25 with 10 different words: .40, so (.40 − .30)/.25
    assert credibility([f"w{number % 10}" for number in range(100)]) == pytest.approx(0.4)
    # 40 of 160 letters in endless words: 1 − 2·¼
    assert credibility(["x" * 40, *(f"{number:012}" for number in range(10))]) == pytest.approx(0.5)


@pytest.mark.parametrize("metric", ["readability", "grade_band", "diversity", "formality", "hedging"])
@pytest.mark.parametrize("extra", ["`kill -9 pid`", "https://example.org/a/very/long/path?with=many&parts=1", "12345"])
def test_code_addresses_and_numbers_hardly_count(metric: str, extra: str) -> None:
    with_it, without = rewards(f"{PLAIN}See {extra} too.", f"{PLAIN}See it too.", metric=metric)
    assert with_it == pytest.approx(without, abs=0.05)


def test_code_is_taken_out_and_prose_between_ticks_can_stay() -> None:
    assert without_code("Run `ls` now.\n```sh\nrm x\n```\nDone.") == "Run   now.\n \nDone."
    assert without_code("~~~\nnever closed") == " "
    assert "you idiot" in without_code("```\nyou idiot\n```", keep=lambda code: "=" not in code)
