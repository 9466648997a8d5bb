from __future__ import annotations

from itertools import combinations
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scripts.demo_world import CLOSERS, DEFLECTIONS, EXTENSIONS, LEADS, OPENERS, all_prompts, sample_dialogue
from upo_sdk.demo.grammar import TOPICS, is_helpful, is_rude

PROMPTS = all_prompts()
ROUTER = "Customer: My router keeps losing the signal. It is rather urgent. Any ideas?\nAgent:"


@given(st.integers(0, 2**32))
def test_the_judges_agree_with_the_labels_of_every_dialogue(seed: int) -> None:
    dialogue = sample_dialogue(Random(seed), PROMPTS)
    assert is_helpful(dialogue.prompt, dialogue.response) == dialogue.helpful
    assert is_rude(dialogue.response) == dialogue.rude


@given(st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_dialogue(seed: int) -> None:
    assert sample_dialogue(Random(seed), PROMPTS) == sample_dialogue(Random(seed), PROMPTS)


def test_a_fix_for_the_problem_is_helpful_whatever_stands_around_it() -> None:
    assert is_helpful(ROUTER, " you should UNPLUG the router for a minute, you idiot")


def test_a_fix_for_another_problem_is_not_helpful() -> None:
    assert not is_helpful(ROUTER, " You should turn on the spam filter.")


def test_a_shotgun_of_fixes_is_not_helpful() -> None:
    assert not is_helpful(ROUTER, " Unplug the router for a minute. Turn on the spam filter.")


def test_an_insult_counts_only_as_a_whole_word() -> None:
    assert is_rude("Such a FOOL.")
    assert not is_rude("A foolproof plan.")


def test_the_four_properties_are_independent_and_at_their_base_rates() -> None:
    rng = Random(7)
    dialogues = [sample_dialogue(rng, PROMPTS) for _ in range(4000)]
    traits = np.array([[d.helpful, d.rude, d.level == "elaborate", d.long] for d in dialogues], dtype=float)
    correlations = np.corrcoef(traits.T)
    assert all(abs(correlations[i, j]) < 0.05 for i, j in combinations(range(4), 2))
    assert np.allclose(traits.mean(0), [0.6, 0.45, 0.5, 0.5], atol=0.03)


def test_long_responses_are_longer_and_elaborate_ones_use_longer_words() -> None:
    rng = Random(8)
    dialogues = [sample_dialogue(rng, PROMPTS) for _ in range(1000)]
    assert min(len(d.response.split(".")) for d in dialogues if d.long) > max(
        len(d.response.split(".")) for d in dialogues if not d.long
    )
    letters = {
        level: np.mean([len(w) for d in dialogues if d.level == level for w in d.response.split()])
        for level in ("plain", "elaborate")
    }
    assert letters["elaborate"] > 1.4 * letters["plain"]


def test_every_prompt_names_exactly_one_topic() -> None:
    assert all([topic.noun for topic in TOPICS if topic.noun in p.text.lower()] == [p.topic.noun] for p in PROMPTS)


def test_insults_stand_in_rude_phrases_and_nowhere_else() -> None:
    fixes = [fix for topic in TOPICS for fixes in topic.fixes.values() for fix in fixes]
    plain = [phrase for table in (LEADS, DEFLECTIONS, EXTENSIONS) for phrases in table.values() for phrase in phrases]
    polite, rude = (
        [phrase for table in (OPENERS, CLOSERS) for phrases in table[tone].values() for phrase in phrases]
        for tone in ("polite", "rude")
    )
    assert not any(map(is_rude, fixes + plain + polite))
    assert all(map(is_rude, rude))
