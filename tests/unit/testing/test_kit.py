"""What the kit takes, what it says, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field

from upo_sdk.errors import ConfigError, ObjectiveRefError, PluginError, UPOError
from upo_sdk.objectives import Completion, Needs, Options, auxiliary_objective
from upo_sdk.plugin import ObjectiveSpec
from upo_sdk.testing import CheckFailedError, check_objective, parametrize_checks, run_checks
from upo_sdk.testing.factory import make_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytest_plugins = ["pytester"]


_Word = Annotated[str, Field(description="What is polite.")]


class PoliteOptions(Options):
    word: str = Field(default="please", min_length=1, description="What is polite.")


class Polite:
    needs = Needs()

    def __init__(self, options: PoliteOptions) -> None:
        self.options = options

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [float(self.options.word in completion.response.lower()) for completion in completions]


class Topical(Polite):
    needs = Needs(columns=frozenset({"price"}))

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [float(str(completion.columns["price"]).partition(" ")[0]) for completion in completions]


class Exact(Topical):
    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [1 / (1 + float(completion.columns["price"])) for completion in completions]  # type: ignore[arg-type]


def polite(_prompt: str, response: str) -> float:
    return float("please" in response.lower())


@auxiliary_objective(batched=True)
def decorated(_prompts: Sequence[str], responses: Sequence[str], *, word: _Word = "please") -> list[float]:
    return [float(word in response.lower()) for response in responses]


def make_polite() -> Polite:
    return Polite(PoliteOptions(word="thanks"))


FACTORIES: dict[str, Any] = {
    "a name with options": "length,target=120",
    "a class": Polite,
    "a function that scores": polite,
    "a function that makes it": make_polite,
    "a decorated function": decorated,
    "a partial": partial(Polite, PoliteOptions()),
    "a spec": ObjectiveSpec(
        name="length",
        kind="auxiliary",
        target="upo_plugins.length.objective:Length",
        options="upo_plugins.length.objective:LengthOptions",
        bounds=(0.0, 1.0),
    ),
}


@pytest.mark.parametrize("factory", FACTORIES)
def test_an_objective_may_be_given_as(factory: str) -> None:
    options = {"maximum": 9} if factory == "a spec" else None
    outcomes = {result.name: result.outcome for result in check_objective(FACTORIES[factory], options=options)}
    assert set(outcomes.values()) == {"passed", "skipped"}
    assert outcomes["one_score_per_completion"] == "passed"
    assert outcomes["same_in_another_process"] == ("skipped" if factory == "a partial" else "passed")


def test_options_of_a_decorated_function_are_its_keyword_arguments() -> None:
    (score,) = make_subject(decorated, options={"word": "thanks"}).build().rewards([Completion("", "Many thanks.")])
    assert score == 1.0


def test_options_of_a_class_are_its_defaults_unless_given() -> None:
    default, given = make_subject(Polite), make_subject(Polite, options={"word": "thanks"})
    assert default.build().options == PoliteOptions()
    assert given.build().options == make_subject(Polite, options=PoliteOptions(word="thanks")).build().options


MISTAKES: dict[str, tuple[Callable[[], object], type[UPOError], str]] = {
    "an unknown name": (lambda: run_checks("lenght"), UPOError, "did you mean 'length'"),
    "an option that is missing": (lambda: run_checks("length"), ObjectiveRefError, "target or a maximum"),
    "options beside a name": (lambda: run_checks("dpo", options={"beta": 1}), ObjectiveRefError, "dpo,OPTION=VALUE"),
    "a wrong option": (lambda: run_checks(Polite, options={"word": ""}), ObjectiveRefError, "at least 1 character"),
    "an objective in use": (lambda: run_checks(make_polite().rewards.__self__), PluginError, "give the class Polite"),  # type: ignore[attr-defined]
    "options of a function without": (
        lambda: run_checks(polite, options={"word": "x"}),
        ObjectiveRefError,
        "no options",
    ),
    "something else": (lambda: run_checks(dict), PluginError, "neither a loss() nor a rewards()"),
    "an unknown check": (lambda: run_checks(Polite, expected_failures={"prints": ""}), ConfigError, "prints_nothing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained(mistake: str) -> None:
    call, error, text = MISTAKES[mistake]
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_a_failure_names_the_check_what_was_expected_what_came_and_how_to_mend_it() -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_objective(_Loud)
    text = str(caught.value)
    assert "prints_nothing\n  expected: silence\n  got: it wrote 'scoring" in text
    assert "fix: take out print()" in text
    assert "1 of " in text


class _Loud:
    needs = Needs()

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        print("scoring")  # noqa: T201 - the mistake
        return [0.5 for _ in completions]


def test_a_failure_that_is_expected_is_none_and_one_that_does_not_come_is() -> None:
    results = {item.name: item for item in run_checks(_Loud, expected_failures={"prints_nothing": "a demo"})}
    assert (results["prints_nothing"].outcome, results["prints_nothing"].reason) == ("expected", "a demo")
    with pytest.raises(CheckFailedError, match="take it out of expected_failures"):
        check_objective(Polite, expected_failures={"prints_nothing": "it was loud"})
    with pytest.raises(CheckFailedError, match="it was skipped"):
        check_objective(Polite, expected_failures={"scores_lie_in_the_declared_bounds": "unbounded"})


def test_own_completions_bring_the_columns_and_made_up_ones_are_mentioned() -> None:
    own = [Completion("Price?", f"{price} euro", {"price": price, "secret": 1}) for price in (3, 4.5, "7 or so")]
    assert {item.outcome for item in check_objective(Topical, completions=own)} == {"passed", "skipped"}
    with pytest.raises(CheckFailedError, match=r"price were made up.*completions="):
        check_objective(Topical)


def test_columns_that_are_no_json_keep_only_the_other_process_from_them() -> None:
    own = [Completion("Price?", "three", {"price": 3 + number * Fraction(1, 2)}) for number in range(3)]
    outcomes = {item.name: item for item in check_objective(Exact, completions=own)}
    assert "no JSON" in outcomes["same_in_another_process"].reason


@parametrize_checks(Polite, options={"word": "thanks"})
def test_every_check_is_a_test_of_its_own(check: Callable[[], None]) -> None:
    check()


def test_pytest_shows_each_check_and_holds_expected_failures_to_their_word(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["upo_sdk.testing.fixtures"]')
    pytester.makepyfile(
        """
        from upo_sdk.objectives import Needs
        from upo_sdk.testing import parametrize_checks

        class Loud:
            needs = Needs()
            def setup(self, device): pass
            def close(self): pass
            def rewards(self, completions):
                print("scoring")
                return [0.5 for _ in completions]

        @parametrize_checks(Loud)
        def test_loud(check):
            check()

        @parametrize_checks(Loud, expected_failures={"prints_nothing": "a demo", "repeats_itself": "wrong"})
        def test_expected(check):
            check()

        def test_fixtures(upo_completions, upo_preference_batch):
            assert len(upo_completions) == 8
            assert upo_preference_batch.log_ratios_N().requires_grad
        """
    )
    result = pytester.runpytest("-p", "no:randomly", "-rA")
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["xfailed"]) == (2, 1)
    result.stdout.fnmatch_lines(["*FAILED*test_loud?prints_nothing?*", "*FAILED*test_expected?repeats_itself?*"])
