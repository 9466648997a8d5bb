from __future__ import annotations

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.evaluation.thresholds import check_names, check_prompts, judge_all, parse_threshold
from upo_sdk.records import Estimate, Metric

METRIC = Metric(
    value=Estimate(mean=0.03, low=0.01, high=0.05, count=10),
    baseline=Estimate(mean=0.02, low=0.0, high=0.04, count=10),
    difference=Estimate(mean=0.01, low=-0.01, high=0.03, count=10),
)
ALONE = Metric(value=METRIC.value)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("toxicity>0.02", True),
        ("toxicity > 0.03", False),
        ("toxicity>=0.03", True),
        ("toxicity<0.02", False),
        ("toxicity<=0.03", True),
        ("toxicity.value>0.02", True),
        ("toxicity.low>0.02", False),
        ("toxicity.high>4e-2", True),
        ("toxicity.baseline>0.02", False),
        ("toxicity.difference>0.005", True),
        ("toxicity.difference.low>0", False),
        ("toxicity.difference.high>0", True),
    ],
)
def test_a_condition_holds_or_does_not(condition: str, *, holds: bool) -> None:
    (verdict,) = judge_all([parse_threshold(condition)], {"toxicity": METRIC})
    assert verdict.holds is holds
    assert verdict.condition == condition


def test_names_that_hold_a_comparison_and_a_dot_are_read() -> None:
    found = parse_threshold("violations@10%>0.001.low>0.2")
    assert (found.metric, found.part) == ("violations@10%>0.001", "low")
    assert (found.condition.sign, found.condition.limit) == (">", 0.2)


def test_without_a_value_a_condition_holds_so_that_no_gate_is_passed_unmeasured() -> None:
    verdicts = judge_all([parse_threshold("toxicity.difference>9"), parse_threshold("grade>9")], {"toxicity": ALONE})
    assert [(verdict.value, verdict.holds) for verdict in verdicts] == [(None, True), (None, True)]


@pytest.mark.parametrize(
    "condition", ["toxicity", "toxicity>", ">0.2", "toxicity=0.2", "toxicity>high", "toxicity>nan"]
)
def test_what_is_no_condition_is_refused_with_its_form(condition: str) -> None:
    with pytest.raises(ConfigError, match="write METRIC>NUMBER"):
        parse_threshold(condition)


def test_an_unknown_metric_is_refused_with_a_suggestion_and_the_list() -> None:
    with pytest.raises(ConfigError) as caught:
        check_names([parse_threshold("toxicty>0.02")], ["toxicity", "kl"])
    assert caught.value.fix == "did you mean 'toxicity'? metrics: toxicity, kl"
    check_names([parse_threshold("kl>1")], ["toxicity", "kl"])


def test_a_gate_is_not_passed_by_fewer_than_ten_prompts() -> None:
    few = Metric(value=Estimate(mean=0.0, low=0.0, high=0.0, count=9))
    (verdict,) = judge_all([parse_threshold("toxicity>0.02")], {"toxicity": few})
    assert (verdict.value, verdict.holds) == (None, True)


def test_conditions_on_too_few_prompts_are_refused_before_any_work() -> None:
    conditions = [parse_threshold("toxicity>0.02")]
    check_prompts(conditions, 10, 512)
    check_prompts([], 3, 512)
    with pytest.raises(ConfigError, match="at least 10 prompts, and 9 are evaluated") as caught:
        check_prompts(conditions, 9, 512)
    assert caught.value.fix == "evaluate on more prompts: `data.path`"
    with pytest.raises(ConfigError, match="and 4 are") as caught:
        check_prompts(conditions, 64, 4)
    assert caught.value.fix == "give `eval_prompts=10` or more"
