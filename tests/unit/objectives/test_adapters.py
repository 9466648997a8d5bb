"""From a plain function to an objective with typed options."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.objectives import Completion, NameList, auxiliary_objective
from upo_sdk.objectives.adapters import scored_function
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@auxiliary_objective
def polite(
    _prompt: str,
    response: str,
    *,
    word: Annotated[str, Field(min_length=1, description="What is polite here.")] = "please",
    reward: float = 1.0,
) -> float:
    return reward * (word in response)


@auxiliary_objective(batched=True)
def longer(prompts: Sequence[str], responses: Sequence[str], *, unit: Literal["words", "letters"]) -> list[float]:
    size = {"words": lambda text: len(text.split()), "letters": len}[unit]
    return [float(size(response) - size(prompt)) for prompt, response in zip(prompts, responses, strict=True)]


COMPLETIONS = [Completion("ask me", "please do"), Completion("", "a b c")]


def options_of(function: Any) -> Any:
    scored = scored_function(function)
    assert scored is not None
    return scored.options


def rewards(function: Any, **options: Any) -> Sequence[float]:
    scored = scored_function(function)
    assert scored is not None
    return scored(options_of(function)(**options)).rewards(COMPLETIONS)


def test_the_decorated_function_is_still_the_function() -> None:
    assert polite("", "please") == 1.0
    assert polite("", "if you will", word="will", reward=2.0) == 2.0
    assert longer(["a"], ["a b"], unit="words") == [1.0]


def test_keyword_arguments_are_options_with_their_defaults_and_descriptions() -> None:
    fields = options_of(polite).model_fields
    assert {name: field.default for name, field in fields.items()} == {"word": "please", "reward": 1.0}
    assert fields["word"].description == "What is polite here."
    assert rewards(polite) == [1.0, 0.0]
    assert rewards(polite, word="b", reward="0.5") == [0.0, 0.5]


def test_a_batched_function_gets_all_completions_in_one_call() -> None:
    assert rewards(longer, unit="words") == [0.0, 3.0]
    assert rewards(longer, unit="letters") == [3.0, 5.0]


@pytest.mark.parametrize("options", [{"wrd": "x"}, {"word": ""}, {"reward": "much"}])
def test_options_that_are_unknown_or_wrong_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        options_of(polite)(**options)


def test_an_argument_without_a_default_has_to_be_given() -> None:
    with pytest.raises(ValidationError, match="unit"):
        options_of(longer)()


def test_a_list_of_names_is_an_option_too() -> None:
    @auxiliary_objective
    def names(_prompt: str, response: str, *, words: NameList = ("a", "b")) -> float:
        return float(sum(word in response for word in words))

    assert rewards(names, words="please+b") == [1.0, 1.0]


def test_without_options_a_function_has_its_defaults_and_what_has_none_is_an_error() -> None:
    with_defaults, with_required = scored_function(polite), scored_function(longer)
    assert with_defaults is not None
    assert with_required is not None
    assert with_defaults().rewards(COMPLETIONS) == [1.0, 0.0]
    with pytest.raises(ValidationError, match="unit"):
        with_required()


def test_a_function_without_options_has_none() -> None:
    @auxiliary_objective()
    def plain(prompt: str, response: str) -> float:
        return float(len(response) - len(prompt))

    assert options_of(plain) is None


def one_text(prompt: str) -> float:
    return float(len(prompt))


def third_text(prompt: str, response: str, word: str = "x") -> float:
    return float(len(prompt + response + word))


def any_keyword(prompt: str, response: str, **words: str) -> float:
    return float(len(prompt + response) + len(words))


def untyped(prompt: str, response: str, *, word="x") -> float:  # type: ignore[no-untyped-def]  # noqa: ANN001
    return float(len(prompt + response + word))


def unresolved(prompt: str, response: str, *, path: Path | None = None) -> float:
    return float(len(prompt + response) + (path is not None))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (one_text, "must take a prompt and a response"),
        (third_text, r"options stand behind a '\*'"),
        (any_keyword, r"options stand behind a '\*'"),
        (untyped, "'word' of untyped has no type"),
        (unresolved, "unknown at run time: name 'Path'"),
    ],
)
def test_a_function_of_another_form_is_refused_when_it_is_decorated(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        auxiliary_objective(function)


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that builds what the text form of an objective names, beside a module ``decorated_rewards``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    code = """
        from upo_sdk.objectives import auxiliary_objective

        @auxiliary_objective
        def polite(prompt: str, response: str, *, word: str = "please", reward: float = 1.0) -> float:
            return reward * (word in response)
    """
    (tmp_path / "decorated_rewards.py").write_text(dedent(code))

    def run(text: str) -> LiveObjective:
        (live,) = build_objectives([ObjectiveRef.model_validate(text)], load_registry())
        return live

    return run


def test_a_dotted_path_takes_the_options_of_the_function(build: Any) -> None:
    live = build("decorated_rewards:polite:0.2,word=b,reward=0.5")
    assert live.auxiliary.rewards(COMPLETIONS) == [0.0, 0.5]
    assert live.options.model_dump() == {"word": "b", "reward": 0.5}
    assert build("decorated_rewards:polite:0.2").auxiliary.rewards(COMPLETIONS) == [1.0, 0.0]


def test_a_mistyped_option_of_a_function_is_one_clear_error(build: Any) -> None:
    with pytest.raises(ObjectiveRefError, match="no option 'wrod'") as caught:
        build("decorated_rewards:polite:0.2,wrod=b")
    assert "did you mean 'word'" in (caught.value.fix or "")
