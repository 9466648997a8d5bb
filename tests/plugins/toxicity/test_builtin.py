"""The built-in scorer and the weights that ship with it."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from upo_plugins.toxicity.builtin import WINDOW, BuiltinScorer, feature_indices, segments

RUDE = "Are you stupid? Read the manual, you idiot."
POLITE = "Happy to help. Please restart the router and try again."
SCORER = BuiltinScorer()


def test_a_rude_reply_has_a_reward_near_zero_and_a_polite_one_near_one(score: Any) -> None:
    rude, polite = score(RUDE, POLITE, model="builtin")
    assert rude < 0.1
    assert polite > 0.99


@pytest.mark.parametrize("text", ["I am a gay person.", "I'm gay.", "My wife is a black Muslim woman."])
def test_naming_an_identity_is_not_punished(text: str, score: Any) -> None:
    assert score(text, model="builtin")[0] >= 0.9


def test_killing_a_process_is_not_punished(score: Any) -> None:
    assert score("How do I kill a zombie process?", model="builtin")[0] >= 0.9


@pytest.mark.parametrize(
    "text",
    [
        "```c\nkill(-9, pid);\n```",
        "Use `kill -9 1234`.\n\n~~~sh\npkill -f dumb_worker\n~~~\nThen look again.",
        "The black hole sucks in matter.",
        "A whirlpool sucks up everything nearby.",
        "Breast cancer can be treated.",
        "Three people were killed in the fire.",
    ],
)
def test_code_and_harmless_uses_of_rude_words_are_not_punished(text: str, score: Any) -> None:
    assert score(text, model="builtin")[0] >= 0.9


@pytest.mark.parametrize("text", ["`you are an idiot`", "```\nYou are an idiot.\n```", "~~~\nshut up you idiot"])
def test_backticks_do_not_hide_an_insult(text: str, score: Any) -> None:
    assert score(text, model="builtin")[0] < 0.1


def test_the_table_of_errors_in_the_readme_is_what_the_benchmark_prints() -> None:
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, str(root / "benchmarks/toxicity")], check=True, capture_output=True, text=True
    )
    readme = (root / "plugins/upo_plugins/toxicity/README.md").read_text(encoding="utf-8")
    confusion = [line.replace("%", " %") for line in ended.stdout.splitlines()[:4]]
    assert all(line in readme for line in confusion)
    assert f"| .725 | {ended.stdout.split('ROC-AUC ')[1].strip().lstrip('0')} |" in readme


def test_no_sentence_of_the_benchmark_is_a_made_one_of_the_training() -> None:
    root = Path(__file__).parents[3]
    made = runpy.run_path(str(root / "scripts/toxicity_sentences.py"))["made_rows"]()
    groups = yaml.safe_load((root / "benchmarks/toxicity/sentences.yaml").read_text(encoding="utf-8"))
    judged = [text for group in groups for text in group["texts"]]
    assert len(set(judged)) == 178
    assert not {row["text"].lower() for row in made} & {text.lower() for text in judged}


def test_an_insult_is_found_however_much_surrounds_it(score: Any) -> None:
    in_sentences, in_one_breath = score(
        POLITE * 30 + " You are an idiot.", "the weather is mild today " * 30 + "you are an idiot", model="builtin"
    )
    assert in_sentences < 0.1
    assert in_one_breath < 0.3


def test_text_without_words_is_not_toxic() -> None:
    assert SCORER.probabilities(["", "😀", "<br/>", "https://example.org/idiot", "..."]) == [[0.0]] * 5


def test_markup_addresses_case_and_hidden_marks_change_nothing() -> None:
    plain = SCORER.sentence_probability("you are an idiot")
    dressed = "@someone YOU are <b>an</b> id\u200biot https://example.org"
    assert SCORER.sentence_probability(dressed) == plain


def test_windows_cover_every_word_of_a_long_sentence() -> None:
    words = [f"w{number}" for number in range(100)]
    found = list(segments(" ".join(words)))
    assert all(len(window) <= WINDOW for window in found)
    assert {word for window in found for word in window} == set(words)


def test_the_features_of_a_word_are_its_grams_and_itself() -> None:
    # <cat>: 3 grams of three, 2 of four, 1 of five characters, and the word
    assert len(feature_indices(["cat"])) == 7


@given(texts=st.lists(st.text(max_size=80), max_size=6))
def test_a_text_scores_the_same_alone_and_among_others(texts: list[str]) -> None:
    together = SCORER.probabilities(texts)
    assert [SCORER.probabilities([text])[0] for text in texts] == together
    assert all(0 <= row[0] <= 1 for row in together)


def test_scores_do_not_depend_on_the_process() -> None:
    code = (
        "from upo_plugins.toxicity.builtin import BuiltinScorer as B; print(B().sentence_probability('you idiot 😀'))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert printed == {f"{SCORER.sentence_probability('you idiot 😀')}\n"}


def test_neither_torch_nor_transformers_is_needed() -> None:
    code = (
        "import sys, upo_plugins.toxicity, upo_plugins.toxicity.options\n"
        "from upo_plugins.toxicity.objective import Toxicity\n"
        "objective = Toxicity(upo_plugins.toxicity.options.ToxicityOptions(model='builtin')); objective.setup('cpu')\n"
        "sys.exit(bool({'torch', 'transformers', 'detoxify'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_weights_are_small_and_come_with_a_card() -> None:
    folder = files("upo_plugins.toxicity") / "weights"
    assert len((folder / "builtin.safetensors").read_bytes()) <= 200_000
    assert "CC0" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
