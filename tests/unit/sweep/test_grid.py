from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.registry import load_registry
from upo_sdk.sweep.grid import ObjectiveGrid, parse_objective

REGISTRY = load_registry()


def parse(text: str) -> ObjectiveGrid:
    return parse_objective(text, REGISTRY)


def read(text: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the axes and the objectives of every variant."""
    grid = parse(text)
    return {axis.key: axis.values for axis in grid.axes}, [str(variant.ref) for variant in grid.variants]


@pytest.mark.parametrize(
    ("text", "axes", "objectives"),
    [
        ("dpo", {}, ["dpo:1"]),
        ("toxicity:0,0.1", {"toxicity": ("0", "0.1")}, ["toxicity:0", "toxicity:0.1"]),
        ("dpo:beta=0.05,0.1", {"dpo.beta": ("0.05", "0.1")}, ["dpo:1,beta=0.05", "dpo:1,beta=0.1"]),
        ("dpo,beta=0.05,0.1", {"dpo.beta": ("0.05", "0.1")}, ["dpo:1,beta=0.05", "dpo:1,beta=0.1"]),
        (
            "dpo:0.5,1,beta=0.05,0.1",
            {"dpo": ("0.5", "1"), "dpo.beta": ("0.05", "0.1")},
            ["dpo:0.5,beta=0.05", "dpo:0.5,beta=0.1", "dpo:1,beta=0.05", "dpo:1,beta=0.1"],
        ),
        (
            "dpo:beta=0.05,0.1,loss_type=ipo",
            {"dpo.beta": ("0.05", "0.1")},
            ["dpo:1,beta=0.05,loss_type=ipo", "dpo:1,beta=0.1,loss_type=ipo"],
        ),
        ("toxicity:0.3@linear(0,500)", {}, ["toxicity:0.3@linear(0,500)"]),
        (
            "toxicity:0,0.3@linear(0,500),model=builtin",
            {"toxicity": ("0", "0.3@linear(0,500)")},
            ["toxicity:0,model=builtin", "toxicity:0.3@linear(0,500),model=builtin"],
        ),
        ("hf:org/judge:0.1,0.3", {"judge": ("0.1", "0.3")}, ["hf:org/judge:0.1", "hf:org/judge:0.3"]),
        (
            "my_pkg.rewards:score:0.2,0.4",
            {"my_pkg.rewards:score": ("0.2", "0.4")},
            ["my_pkg.rewards:score:0.2", "my_pkg.rewards:score:0.4"],
        ),
        (
            "https://scores.example.org:8000/tone:0.1,0.2,retries=1",
            {"scores.example.org": ("0.1", "0.2")},
            [
                "https://scores.example.org:8000/tone:0.1,retries=1",
                "https://scores.example.org:8000/tone:0.2,retries=1",
            ],
        ),
        (
            "lexical:0.2,as=plain,metric=grade,hedging",
            {"plain.metric": ("grade", "hedging")},
            ["lexical:0.2,as=plain,metric=grade", "lexical:0.2,as=plain,metric=hedging"],
        ),
        ("length: 0.1 , 0.2", {"length": ("0.1", "0.2")}, ["length:0.1", "length:0.2"]),
    ],
)
def test_commas_part_values_and_a_name_with_an_equals_sign_starts_the_next_option(
    text: str, axes: dict[str, Any], objectives: list[str]
) -> None:
    assert read(text) == (axes, objectives)


def test_a_variant_knows_what_was_chosen_on_the_axes_and_nothing_else() -> None:
    grid = parse("dpo:1,beta=0.05,0.1")
    assert [variant.values for variant in grid.variants] == [{"dpo.beta": "0.05"}, {"dpo.beta": "0.1"}]


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("toxicity,0.1,0.3", "'0.1' is a value without an option", "toxicity:0.1"),
        ("toxicity:0.1,", "the weight has an empty value", "toxicity:0,0.1,0.3"),
        ("dpo:beta=,0.1", "option 'beta' has an empty value", "dpo:beta=0.05,0.1"),
        ("toxicity:0.1,0.10", "the weight has the value 0.10 twice", "once"),
        ("dpo:loss_type=ipo,ipo", "option 'loss_type' has the value ipo twice", "once"),
        ("dpo:beta=0.1,beta=0.2", "option 'beta' is given twice", "once"),
        ("toxicity:0.1,high", "the weight 'high' is not a number", "toxicity:0.3"),
        ("toxicity:0.1,-1", "the weight of 'toxicity' is -1", "toxicity:0.3"),
        (":0.1,0.2", "an objective has no name", "NAME"),
        ("lexical:1,as=one,two", "a label cannot be varied", "as=NAME"),
        ("toxicity:0.3@line(0,5),0.1@step(3)", "the schedule 'line(0,5)' is none of", "linear"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, what: str, fix: str) -> None:
    with pytest.raises(ObjectiveRefError) as caught:
        parse(text)
    assert what in caught.value.what
    assert fix in (caught.value.fix or "")


def test_a_schedule_behind_one_of_two_weights_is_refused_because_it_may_be_meant_for_both() -> None:
    with pytest.raises(ObjectiveRefError) as caught:
        parse("toxicity:0.1,0.3@linear(0,500)")
    assert caught.value.fix == "write 0.1@linear(0,500) to schedule that one too, or 0.1@step(0) to keep it constant"
    for written in caught.value.fix.split()[1], "0.1@step(0)":
        parse(f"toxicity:{written},0.3@linear(0,500)")


@given(
    weights=st.lists(st.integers(0, 50).map(lambda n: f"{n / 10:g}"), min_size=1, max_size=4, unique=True),
    betas=st.lists(st.integers(1, 50).map(lambda n: f"{n / 100:g}"), min_size=1, max_size=3, unique=True),
)
def test_every_combination_occurs_once(weights: list[str], betas: list[str]) -> None:
    grid = parse(f"dpo:{','.join(weights)},beta={','.join(betas)}")
    written = [(f"{variant.ref.weight:g}", variant.ref.options["beta"]) for variant in grid.variants]
    assert written == [(weight, beta) for weight in weights for beta in betas]
    assert [axis.values for axis in grid.axes] == [tuple(part) for part in (weights, betas) if len(part) > 1]
