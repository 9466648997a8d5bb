from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from upo_sdk.report.audit import Finding, Level, audit
from upo_sdk.report.collect import collect_run
from upo_sdk.scoring.distributions import Rewards, describe_distributions

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import MakeRun


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.title: finding for finding in audit(collect_run(folder))}


def test_an_objective_in_the_loss_whose_reward_fell_is_a_warning(make_run: MakeRun) -> None:
    found = findings(make_run(rewards=[make_run.compared("toxicity", 0.8, 0.5, -0.5, -0.1)]))["Reward of toxicity"]
    assert (found.level, found.number) == (Level.WARNING, "−0.30")


@pytest.mark.parametrize(("low", "level"), [(0.1, Level.OK), (-0.1, Level.LOOK)])
def test_a_reward_is_only_said_to_have_risen_if_its_interval_does(make_run: MakeRun, low: float, level: Level) -> None:
    found = findings(make_run(rewards=[make_run.compared("toxicity", 0.5, 0.8, low, 0.5)]))
    assert found["Reward of toxicity"].level == level


def opinions(make_run: MakeRun, *pairs: tuple[float, float]) -> list[dict[str, Any]]:
    return [make_run.sample(toxicity=(first, 1.0), length=(second, 0.3)) for first, second in pairs]


def test_a_second_scorer_that_agreed_and_now_falls_is_a_warning(make_run: MakeRun) -> None:
    agreeing = opinions(make_run, (0.1, 0.1), (0.4, 0.5), (0.9, 0.8))
    found = findings(make_run(samples=agreeing))["length as a second opinion on toxicity"]
    assert found.level == Level.WARNING
    assert "gamed" in found.text


def test_a_second_scorer_that_measures_something_else_is_no_evidence(make_run: MakeRun) -> None:
    unrelated = opinions(make_run, (0.1, 0.5), (0.1, 0.1), (0.9, 0.5), (0.9, 0.1))
    found = findings(make_run(samples=unrelated))["length as a second opinion on toxicity"]
    assert found.level == Level.LOOK
    assert "different things" in found.text


def test_a_gain_that_the_second_scorer_does_not_see_is_worth_a_look(make_run: MakeRun) -> None:
    effects = [make_run.compared("toxicity", 0.5, 0.8, 0.1, 0.5), make_run.compared("length", 0.5, 0.5, -0.1, 0.1)]
    found = findings(make_run(samples=opinions(make_run, (0.1, 0.1), (0.4, 0.5), (0.9, 0.8)), rewards=effects))
    assert found["length as a second opinion on toxicity"].level == Level.LOOK


def test_without_a_second_scorer_the_audit_says_so(make_run: MakeRun) -> None:
    found = findings(make_run(held_out=[]))["An independent scorer"]
    assert found.level == Level.UNKNOWN
    assert "weight 0" in found.text


@pytest.mark.parametrize(
    ("words", "level"), [(10, Level.OK), (12, Level.OK), (13, Level.LOOK), (16, Level.WARNING), (6, Level.WARNING)]
)
def test_answers_that_grow_or_shrink_are_noticed(make_run: MakeRun, words: int, level: Level) -> None:
    texts = [" ".join(f"w{number}" for number in range(count)) for count in (10, words)]
    assert findings(make_run(samples=[make_run.sample(*texts)] * 10))["Length of the answers"].level == level


def test_a_model_that_fell_silent_is_a_warning(make_run: MakeRun) -> None:
    assert findings(make_run(samples=[make_run.sample(after="")] * 10))["Length of the answers"].level == Level.WARNING


def test_an_answer_that_goes_in_circles_is_a_warning(make_run: MakeRun) -> None:
    found = findings(make_run(samples=[make_run.sample("a b c d e f", "a b c a b c a b c")] * 10))
    assert found["Repetition within an answer"].level == Level.WARNING
    # seven triples, three of them distinct
    assert found["Repetition within an answer"].number == "+0.57"


def test_answers_that_are_all_alike_are_a_warning(make_run: MakeRun) -> None:
    different = [make_run.sample(before=f"a{n} b{n} c{n}", after="thank you very much") for n in range(10)]
    found = findings(make_run(samples=different))["Variety across answers"]
    assert (found.level, found.number) == (Level.WARNING, "× 0.10")


def test_without_samples_the_answers_are_not_judged(make_run: MakeRun) -> None:
    found = findings(make_run(samples=None))
    assert found["Length of the answers"].level == Level.UNKNOWN
    assert "`eval_prompts=64`" in found["Variety across answers"].text


@pytest.mark.parametrize(("ess", "level"), [(0.5, Level.OK), (0.1, Level.LOOK), (0.01, Level.WARNING)])
def test_a_collapse_of_the_advantage_weights_is_found(make_run: MakeRun, ess: float, level: Level) -> None:
    found = findings(make_run(metrics=make_run.rows(**{"advantage/ess": ess})))
    assert found["How many responses carry the weight"].level == level


def test_preferences_that_were_drowned_are_a_warning(make_run: MakeRun) -> None:
    drowned = [{**row, **({"objective/dpo/share": 0.05} if row.get("actor/share") else {})} for row in make_run.rows()]
    found = findings(make_run(metrics=drowned))["Share of the gradient"]
    assert found.level == Level.WARNING
    assert found.number == "5\xa0%"


def test_an_objective_that_does_not_pull_is_named(make_run: MakeRun) -> None:
    idle = [
        {**row, **({"objective/toxicity/share": 0.001} if row.get("actor/share") else {})} for row in make_run.rows()
    ]
    found = findings(make_run(metrics=idle))["Share of the gradient"]
    assert found.level == Level.LOOK
    assert "toxicity pulls too little" in found.text


@pytest.mark.parametrize(
    ("held_out", "training", "level"),
    [(0.65, 0.7, Level.OK), (0.6, 0.95, Level.LOOK), (0.4, 0.5, Level.WARNING)],
)
def test_the_accuracy_of_held_out_pairs_is_judged(
    make_run: MakeRun, held_out: float, training: float, level: Level
) -> None:
    metrics = [
        {
            **row,
            **{
                name: value
                for name, value in {
                    "rewards/accuracies": training,
                    "eval_rewards/accuracies": held_out,
                }.items()
                if name in row
            },
        }
        for row in make_run.rows()
    ]
    assert findings(make_run(metrics=metrics))["Preference accuracy"].level == level


def test_an_accuracy_that_was_better_earlier_is_a_warning(make_run: MakeRun) -> None:
    earlier = {"step": 15, "eval_loss": 0.7, "eval_rewards/accuracies": 0.8, "eval_rewards/pairs": 400}
    found = findings(make_run(metrics=[*make_run.rows(), earlier]))["Preference accuracy"]
    assert found.level == Level.OK  # the better one is the last one
    found = findings(make_run(metrics=[earlier, *make_run.rows()]))["Preference accuracy"]
    assert found.level == Level.WARNING
    assert "fewer steps" in found.text


def test_a_scorer_that_likes_length_is_found(make_run: MakeRun) -> None:
    found = findings(make_run())["toxicity and length"]  # rewards 0, .5, 1, 1 of 3, 4, 9, 12 tokens
    assert found.level == Level.WARNING
    assert "long responses" in found.text


def test_what_asks_for_attention_comes_first(make_run: MakeRun) -> None:
    levels = [finding.level for finding in audit(collect_run(make_run()))]
    assert levels == sorted(levels, key=list(Level).index)


def test_a_run_of_preferences_alone_has_nothing_to_weigh(make_run: MakeRun) -> None:
    folder = make_run(
        objectives=[make_run.objective("dpo", "preference", 1)], held_out=[], rewards=None, distributions=False
    )
    assert "Share of the gradient" not in findings(folder)


def test_every_finding_has_a_title_and_a_sentence(make_run: MakeRun) -> None:
    folder = make_run()
    for finding in audit(collect_run(folder)):
        assert finding.title
        assert finding.text.endswith((".", ")")), finding.text


def test_of_few_prompts_pairs_and_responses_nothing_is_said_to_be_so(make_run: MakeRun) -> None:
    few = [{name: 9 if name.endswith("/pairs") else value for name, value in row.items()} for row in make_run.rows()]
    effect = make_run.compared("toxicity", 0.8, 0.5, -0.5, -0.1, prompts=9)
    found = findings(make_run(metrics=few, rewards=[effect], samples=[make_run.sample(after="a " * 99)] * 9))
    titles = ("Preference accuracy", "Reward of toxicity", "Length of the answers", "Repetition within an answer")
    assert {title: found[title].level for title in titles} == dict.fromkeys(titles, Level.UNKNOWN)
    assert found["Preference accuracy"].text.startswith("Of 9 pairs 65\xa0% (95 %: 34")
    effect = make_run.compared("toxicity", 0.8, 0.5, None, None, prompts=1)
    assert "no interval" in findings(make_run(rewards=[effect]))["Reward of toxicity"].text


def test_a_reward_at_its_ceiling_gets_no_advice_to_add_weight(make_run: MakeRun) -> None:
    effect = make_run.compared("toxicity", 0.995, 0.996, -0.01, 0.01)
    found = findings(make_run(rewards=[effect]))["Reward of toxicity"]
    assert found.level == Level.OK
    assert "more weight" not in found.text
    rewards = [
        Rewards(label="brief", weight=1.0, normalize="none", values_N=np.array([0.0, 1.0] * 50)),
        Rewards(label="kind", weight=1.0, normalize="none", values_N=np.array([1.0] * 99 + [0.9])),
    ]
    folder = make_run()
    described = describe_distributions(rewards, np.arange(1, 101), np.array([1.0]))
    (folder / "distributions.json").write_text(described.model_dump_json(), encoding="utf-8")
    found = findings(folder)["Which objective decides the advantage"]
    assert "highest reward of kind" in found.text
    assert "raise" not in found.text
