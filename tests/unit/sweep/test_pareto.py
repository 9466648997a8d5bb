from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.sweep.summary import Better, dominates, pareto_optimal

BETTER: dict[str, Better] = {"help": "higher", "harm": "lower"}

points = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=2),
    st.fixed_dictionaries({"help": st.integers(0, 4).map(float), "harm": st.integers(0, 4).map(float)}),
    min_size=1,
    max_size=12,
)


def test_the_front_by_hand() -> None:
    found = pareto_optimal(
        {
            "helpful": {"help": 0.9, "harm": 0.30},
            "harmless": {"help": 0.6, "harm": 0.02},
            "between": {"help": 0.8, "harm": 0.10},
            "worse": {"help": 0.7, "harm": 0.10},
            "twin": {"help": 0.8, "harm": 0.10},
        },
        BETTER,
    )
    assert found == {"helpful": True, "harmless": True, "between": True, "worse": False, "twin": True}


def test_a_point_without_a_metric_is_not_compared_and_beats_none() -> None:
    found = pareto_optimal(
        {"whole": {"help": 0.1, "harm": 0.9}, "half": {"help": 1.0}, "broken": {"help": 1.0, "harm": math.nan}}, BETTER
    )
    assert found == {"whole": True, "half": None, "broken": None}


def test_without_axes_nothing_can_be_said() -> None:
    assert pareto_optimal({"only": {"help": 1.0}}, {}) == {"only": None}


@given(points)
def test_a_point_is_optimal_exactly_if_none_dominates_it(found: dict[str, dict[str, float]]) -> None:
    optimal = pareto_optimal(found, BETTER)
    for name, metrics in found.items():
        beaten = any(
            other["help"] >= metrics["help"]
            and other["harm"] <= metrics["harm"]
            and (other["help"] > metrics["help"] or other["harm"] < metrics["harm"])
            for other in found.values()
        )
        assert optimal[name] is not beaten


@given(points)
def test_some_point_is_always_optimal_and_every_other_is_dominated_by_an_optimal_one(
    found: dict[str, dict[str, float]],
) -> None:
    optimal = pareto_optimal(found, BETTER)
    front = [(found[name]["help"], -found[name]["harm"]) for name, flag in optimal.items() if flag]
    assert front
    for name, flag in optimal.items():
        if not flag:
            assert any(dominates(one, (found[name]["help"], -found[name]["harm"])) for one in front)


@given(points)
def test_the_best_in_one_metric_alone_is_a_front_of_equals(found: dict[str, dict[str, float]]) -> None:
    best = max(metrics["help"] for metrics in found.values())
    optimal = pareto_optimal(found, {"help": "higher"})
    assert optimal == {name: metrics["help"] == best for name, metrics in found.items()}
