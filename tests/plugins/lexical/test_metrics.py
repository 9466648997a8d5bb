"""Every metric on hand-worked text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_plugins.lexical.metrics import (
    DocumentFrequencies,
    band_reward,
    count_hedges,
    diversity,
    formality,
    grade,
    grade_band,
    hedging,
    informal_marks,
    mattr,
    rare_words,
    readability,
    readability_of_grade,
)
from upo_plugins.lexical.prose import Prose, read_prose

EASY = "The cat sat on the mat. The dog ran to the park. It was a fun day for all of us."
HARD = (
    "Notwithstanding considerable methodological heterogeneity, contemporary epidemiological investigations "
    "consistently demonstrate statistically significant associations between socioeconomic deprivation and "
    "cardiovascular morbidity."
)


def prose(text: str) -> Prose:
    found = read_prose(text)
    assert found is not None
    return found


@pytest.mark.parametrize(("of", "reward"), [(2, 1), (4, 1), (5, 0.8), (6.5, 0.5), (9, 0), (12, 0)])
def test_readability_is_the_r1_of_the_paper(of: float, reward: float) -> None:
    assert readability_of_grade(of) == pytest.approx(reward)


def test_readability_is_r1_of_the_text_standard_of_textstat() -> None:
    import textstat

    text = "You can plant the seeds in a small pot. Put the pot near a window, and water the soil every other day."
    standard = textstat.text_standard(text, float_output=True)
    assert 4 < standard < 9, "the text must lie on the slope"
    assert readability(prose(text)) == pytest.approx((9 - standard) / 5)


def test_easy_text_reads_better_than_hard_text() -> None:
    assert readability(prose(EASY)) == 1
    assert readability(prose(HARD)) == 0


def test_a_grade_is_clipped_to_the_years_of_school() -> None:
    assert grade(HARD) == 18
    assert 0 <= grade("a" * 5000) <= 18
    assert grade("Hi.") == 0


def test_the_grade_ignores_the_language_set_on_the_shared_textstat_instance() -> None:
    import textstat

    before = grade(HARD)
    textstat.set_lang("de_DE")
    try:
        assert grade(HARD) == before
    finally:
        textstat.set_lang("en_US")


@pytest.mark.parametrize(("of", "reward"), [(0, 0), (1, 0), (3.5, 0.5), (6, 1), (8, 1), (9, 0.8), (13, 0), (18, 0)])
def test_the_band_reward_falls_by_a_fifth_per_grade_on_both_sides(of: float, reward: float) -> None:
    assert band_reward(of, 6, 8) == pytest.approx(reward)


@given(st.floats(0, 18))
def test_the_band_zero_to_four_is_the_readability_of_the_paper(of: float) -> None:
    assert band_reward(of, 0, 4) == pytest.approx(readability_of_grade(of))


def test_the_band_measures_the_grade_of_the_text() -> None:
    assert grade_band(prose(HARD), min_grade=14, max_grade=18) == 1
    assert grade_band(prose(EASY), min_grade=14, max_grade=18) == 0


def test_mattr_is_the_mean_over_the_windows() -> None:
    # Windows of three: a b a (2 distinct), b a c (3), a c c (2).
    assert mattr("abacc", 3) == pytest.approx((2 + 3 + 2) / 9)


def test_mattr_of_a_text_shorter_than_the_window_is_its_type_token_ratio() -> None:
    assert mattr(["to", "be", "or", "not", "to", "be"], 25) == pytest.approx(4 / 6)


@given(st.text("abcd", min_size=1, max_size=60), st.integers(2, 30))
def test_mattr_equals_its_definition(words: str, window: int) -> None:
    width = min(window, len(words))
    shares = [len(set(words[i : i + width])) / width for i in range(len(words) - width + 1)]
    assert mattr(words, window) == pytest.approx(sum(shares) / len(shares))


def test_diversity_is_clipped_between_sixty_and_ninety_five_percent() -> None:
    assert diversity(prose("same " * 30), window=25) == 0
    assert diversity(prose("every single word of this text stands here once"), window=25) == 1
    # Nine distinct of twelve words: (.75 − .60)/.35.
    assert diversity(prose("a b c d e f g h i A B C"), window=25) == pytest.approx(0.15 / 0.35)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("The report is complete and has been sent to the office.", 0),
        ("The committee's report cites NASA.", 0),
        ("It's late and we can't wait, they'll see.", 3),
        ("It’s late.", 1),  # a curly apostrophe
        ("Yeah, your idea is gonna work!!!", 4),
        ("STOP THAT now", 2),
        ("Good job 🎉 :-)", 2),
    ],
)
def test_informal_marks_are_counted(text: str, marks: int) -> None:
    assert informal_marks(prose(text)) == marks


def test_formality_is_one_over_e_at_one_mark_in_ten_words() -> None:
    assert formality(prose("the quick brown fox can't jump over the lazy dog")) == pytest.approx(math.exp(-1))
    assert formality(prose("The report is complete.")) == 1


@pytest.mark.parametrize(
    ("text", "hedges"),
    [
        ("The answer is four.", 0),
        ("Perhaps the answer is four.", 1),
        ("I think it might sort of work, probably.", 4),
        ("It could, in my opinion, be late.", 2),
        ("The couldron and the mightiest seemstress.", 0),
    ],
)
def test_hedges_are_counted(text: str, hedges: int) -> None:
    assert count_hedges(prose(text)) == hedges


def test_hedging_is_one_over_e_at_one_hedge_in_twenty_words() -> None:
    assert hedging(prose("maybe" + " word" * 19)) == pytest.approx(math.exp(-1))
    assert hedging(prose("The answer is four.")) == 1


@given(st.integers(0, 30), st.integers(1, 30))
def test_more_hedges_in_as_many_words_never_earn_more(hedges: int, plain: int) -> None:
    fewer = prose("maybe " * hedges + "word " * (plain + 1))
    more = prose("maybe " * (hedges + 1) + "word " * plain)
    assert hedging(more) < hedging(fewer)


@given(st.integers(0, 30), st.integers(1, 30))
def test_more_informal_words_in_as_many_words_never_earn_more(marks: int, plain: int) -> None:
    fewer = prose("gonna " * marks + "word " * (plain + 1))
    more = prose("gonna " * (marks + 1) + "word " * plain)
    assert formality(more) < formality(fewer)


@pytest.mark.parametrize("metric", [formality, hedging, lambda text: rare_words(text, frequencies=TABLE)])
def test_saying_the_same_twice_changes_no_share(metric: object) -> None:
    text = "Maybe the cat can't see you. "
    assert callable(metric)
    assert metric(prose(text * 2)) == pytest.approx(metric(prose(text)))


TABLE = DocumentFrequencies.count(map(prose, ["the cat", "the dog the dog", "The end"]))


def test_document_frequency_counts_a_word_once_per_response() -> None:
    assert TABLE.documents == 3
    assert dict(TABLE.counts) == {"the": 3, "cat": 1, "dog": 1, "end": 1}


def test_rare_words_earn_less_than_common_ones() -> None:
    # df 3, 1 and 0 of 3: rarity 0, 1 − log 2/log 4 = .5 and 1.
    assert rare_words(prose("the The"), frequencies=TABLE) == pytest.approx(1)
    assert rare_words(prose("cat"), frequencies=TABLE) == pytest.approx(0.5)
    assert rare_words(prose("zygote"), frequencies=TABLE) == pytest.approx(0)
    assert rare_words(prose("the cat zygote"), frequencies=TABLE) == pytest.approx(0.5)


def test_the_hash_of_the_table_depends_on_its_content_and_on_no_order() -> None:
    again = DocumentFrequencies.count(map(prose, ["The end", "dog the", "cat the"]))
    other = DocumentFrequencies.count(map(prose, ["The end", "dog the", "the"]))
    assert again.sha256() == TABLE.sha256() != other.sha256()
