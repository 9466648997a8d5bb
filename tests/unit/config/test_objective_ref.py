"""The text form of an objective."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.config import ObjectiveRef, RunConfig
from upo_sdk.errors import ObjectiveRefError

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name != "as")
VALUES = st.from_regex(r"[A-Za-z0-9_./+-]{1,12}", fullmatch=True)


def ref(text: str) -> ObjectiveRef:
    return ObjectiveRef.model_validate(text)


@pytest.mark.parametrize(
    ("text", "name", "weight", "options"),
    [
        ("dpo", "dpo", 1.0, {}),
        ("toxicity:0.3", "toxicity", 0.3, {}),
        ("toxicity:0.3,categories=threat+insult", "toxicity", 0.3, {"categories": "threat+insult"}),
        ("toxicity,categories=threat:0.7+insult:0.3", "toxicity", 1.0, {"categories": "threat:0.7+insult:0.3"}),
        ("length:0.1,target=120", "length", 0.1, {"target": "120"}),
        ("my_pkg.rewards:score:0.2", "my_pkg.rewards:score", 0.2, {}),
        ("my_pkg.rewards:score", "my_pkg.rewards:score", 1.0, {}),
        ("toxicity:0.3,model=C:/models/tox", "toxicity", 0.3, {"model": "C:/models/tox"}),
    ],
)
def test_the_text_form_is_read(text: str, name: str, weight: float, options: dict[str, str]) -> None:
    parsed = ref(text)
    assert (parsed.name, parsed.weight, parsed.options) == (name, weight, options)


@given(NAMES, st.floats(0, 100), st.dictionaries(NAMES, VALUES, max_size=3))
def test_writing_and_reading_gives_the_same_reference(name: str, weight: float, options: dict[str, str]) -> None:
    written = ObjectiveRef(name=name, weight=float(f"{weight:g}"), options=options)
    assert ref(str(written)) == written


@pytest.mark.parametrize("text", ["toxicity:1x", "toxicity:-1", "toxicity:nan", "toxicity:inf", ":0.3", "", "dpo,beta"])
def test_a_broken_form_is_refused_with_the_text_it_stands_in(text: str) -> None:
    with pytest.raises((ObjectiveRefError, ValueError)) as caught:
        ref(text)
    assert isinstance(caught.value, ObjectiveRefError)
    assert caught.value.fix


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(ObjectiveRefError, match="given twice"):
        ref("dpo,beta=0.1,beta=0.2")


def test_one_label_twice_is_refused_and_a_label_tells_them_apart() -> None:
    with pytest.raises(ObjectiveRefError, match="named twice"):
        RunConfig.model_validate({"objectives": ["toxicity:0.3", "toxicity:0.1"]})
    config = RunConfig.model_validate({"objectives": ["toxicity:0.3", "toxicity:0.1,as=threats"]})
    assert [item.label for item in config.objectives] == ["toxicity", "threats"]


def test_yaml_short_and_long_forms_are_one_thing() -> None:
    config = RunConfig.model_validate({"objectives": [{"toxicity": 0.3}, {"name": "length", "options": {"target": 5}}]})
    assert [str(item) for item in config.objectives] == ["toxicity:0.3", "length:1,target=5"]


@pytest.mark.parametrize(
    ("text", "weight", "schedule", "options"),
    [
        ("toxicity:0.3@linear(0,500)", 0.3, "linear(0,500)", {}),
        ("toxicity:0.3@cosine( 100 , 400 ),model=builtin", 0.3, "cosine(100,400)", {"model": "builtin"}),
        ("dpo@step(20),beta=0.2", 1.0, "step(20)", {"beta": "0.2"}),
        ("length:0.1@linear(500,0)", 0.1, "linear(500,0)", {}),
        ("my_pkg.rewards:score:0.2@step(5)", 0.2, "step(5)", {}),
        ("toxicity:0.3,model=a@b", 0.3, None, {"model": "a@b"}),
        ("http://host/score?kind=a:0.3@step(5)", 0.3, "step(5)", {}),
        ("hf:org/model:0.3@linear(0,5),batch_size=4", 0.3, "linear(0,5)", {"batch_size": "4"}),
    ],
)
def test_a_schedule_stands_behind_the_weight(
    text: str, weight: float, schedule: str | None, options: dict[str, str]
) -> None:
    parsed = ref(text)
    assert (parsed.weight, parsed.schedule, parsed.options) == (weight, schedule, options)
    assert ref(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("toxicity:0.3@liner(0,500)", "did you mean 'linear'"),
        ("toxicity:0.3@linear(0)", "needs FROM,TO as optimizer steps"),
        ("toxicity:0.3@linear(0,-5)", "whole numbers from 0 on"),
        ("toxicity:0.3@step(1.5)", "needs AT as optimizer steps"),
        ("toxicity:0.3@cosine(5,5)", "starts where it ends"),
        ("toxicity:0.3@linear", "needs FROM,TO"),
        ("toxicity:0.3@linear(0", "is none of"),
        ("toxicity:0.3@soon", "@SCHEDULE"),
    ],
)
def test_a_broken_schedule_is_refused_with_what_to_write(text: str, what: str) -> None:
    with pytest.raises(ObjectiveRefError) as caught:
        ref(text)
    assert what in f"{caught.value.what} {caught.value.fix}"


def test_schedule_and_normalisation_read_alike_in_text_and_yaml() -> None:
    text = ref("toxicity:0.3@linear(0,500),as=mild,normalize=zscore,model=builtin")
    long = {"name": "toxicity", "weight": 0.3, "schedule": "linear(0, 500)", "label": "mild", "normalize": "zscore"}
    assert ObjectiveRef.model_validate({**long, "options": {"model": "builtin"}}) == text
    assert str(text) == "toxicity:0.3@linear(0,500),as=mild,normalize=zscore,model=builtin"
    assert ObjectiveRef.model_validate({"toxicity": "0.3@linear(0,500)"}) == ref("toxicity:0.3@linear(0,500)")
    assert ObjectiveRef.model_validate(text.model_dump(mode="json")) == text


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="'none', 'zscore' or 'rank'"):
        ref("toxicity:0.3,normalize=minmax")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("./style.py:score", "PYTHONPATH=. and name it `objectives=style:score:1.0`"),
        ("style.py:score:0.3", "PYTHONPATH=. and name it `objectives=style:score:0.3`"),
        ("my/rewards/style.py:score:0.3", "PYTHONPATH=my/rewards and name it `objectives=style:score:0.3`"),
        ("C:\\my\\style.py:score", "PYTHONPATH=C:/my and name it `objectives=style:score:1.0`"),
        ("/abs/style.py", "PYTHONPATH=/abs and name it `objectives=style:FUNCTION:1.0`"),
    ],
)
def test_a_file_is_no_objective_and_the_fix_finds_its_module(text: str, fix: str) -> None:
    with pytest.raises(ObjectiveRefError, match="is a file") as caught:
        ObjectiveRef.model_validate(text)
    assert fix in (caught.value.fix or "")


@pytest.mark.parametrize("text", ["my.python:score:1", "hf:org/model.py:0.3", "https://host/score.py:0.3"])
def test_names_that_only_look_like_files_are_names(text: str) -> None:
    assert ObjectiveRef.model_validate(text).weight
