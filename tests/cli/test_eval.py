from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upo_sdk.evaluation import evaluate as module
from upo_sdk.records import EvaluationRecord

if TYPE_CHECKING:
    from conftest import Upo

SMALL = ["eval", "demo", "--eval-prompts", "3", "--max-new-tokens", "8", "--objective", "toxicity"]
TEN = ["eval", "demo", "--eval-prompts", "10", "--max-new-tokens", "8", "--objective", "toxicity"]
"""As many as a condition needs."""


def test_the_table_the_samples_and_the_files_are_shown(upo: Upo) -> None:
    ended = upo(*SMALL, "--samples", "1")
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[0] for line in lines if line][:3] == [lines[0][0], "metric", "reward/toxicity"]
    assert "3 given prompts, 1 answer each" in ended.out
    assert ended.out.count("prompt:") == 1
    assert "written: upo-eval/eval.json" in ended.out
    assert "answers of the model (answers): 3 done" in ended.err
    assert EvaluationRecord.model_validate_json(Path("upo-eval/eval.json").read_text("utf-8")).prompts == 3
    assert len(Path("upo-eval/eval-samples.jsonl").read_text("utf-8").splitlines()) == 3


def test_a_baseline_is_shown_beside_the_model_with_the_difference(upo: Upo) -> None:
    ended = upo(*SMALL, "--baseline", "demo", "--quiet")
    (row,) = [line.split() for line in ended.out.splitlines() if line.startswith("length/tokens")]
    assert row[1] == row[5]  # the same model
    assert row[6:10] == ["+0", "(+0", "to", "+0)"]
    assert ended.err.startswith("warning: model and baseline have the same weights")


def test_a_condition_that_holds_ends_with_1_says_which_and_everything_is_written(upo: Upo) -> None:
    ended = upo(*TEN, "--fail-if", "length/tokens>0.5", "--fail-if", "repetition>0.9", "--output-dir", "out")
    assert ended.code == 1
    assert "failed: length/tokens>0.5: the value is 8" in ended.out
    assert "fine: repetition>0.9: the value is 0" in ended.out
    written = json.loads(Path("out/eval.json").read_text("utf-8"))
    assert [verdict["holds"] for verdict in written["verdicts"]] == [True, False]


def test_a_condition_on_too_few_prompts_ends_with_2_before_any_model_is_loaded(upo: Upo) -> None:
    ended = upo(*SMALL, "--fail-if", "length/tokens>0.5")
    assert ended.code == 2
    assert "a condition needs at least 10 prompts, and 3 are evaluated" in ended.err
    assert "give --eval_prompts 10 or more" in ended.err


def test_conditions_that_do_not_hold_end_with_0(upo: Upo) -> None:
    assert upo(*TEN, "--fail-if", "length/tokens>99", "--fail_if", "length/tokens.high>99").code == 0


def test_a_condition_fails_a_pipeline_that_reads_json_too(upo: Upo) -> None:
    ended = upo(*TEN, "--json", "--fail-if", "length/tokens>0.5")
    assert ended.code == 1
    assert ended.data["verdicts"][0] == {"condition": "length/tokens>0.5", "value": 8.0, "limit": 0.5, "holds": True}
    assert ended.data["config"]["eval_prompts"] == 10
    assert ended.err == ""


def test_an_unknown_metric_ends_with_2_before_any_model_is_loaded(upo: Upo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.LoadedModel, "load", lambda *_: pytest.fail("a model was loaded"))
    ended = upo(*TEN, "--fail-if", "toxicty>0.02")
    assert ended.code == 2
    assert "there is no metric 'toxicty' here" in ended.err
    assert "did you mean 'toxicity'? metrics: reward/toxicity, length/tokens" in ended.err
    assert not Path("upo-eval").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval"], "there is no model to evaluate"),
        (["eval", "demo", "--num-samples", "0"], "command line: num_samples"),
        (["eval", "demo", "--objective", "toxcity"], "did you mean 'toxicity'?"),
        (["eval", "demo", "--fail-if", "toxicity"], "write METRIC>NUMBER"),
        (["eval", "demo", "--max-new-tokens", "99999"], "none is left for a prompt"),
        (["eval", "demo", "--baseline", "./nowhere"], "there is no such model folder"),
        (["eval", "demo", "--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["eval", "nosuch", "--data", "any.jsonl"], "give a local one: upo eval FOLDER"),
        (["eval", "./nosuch"], "check the path: upo eval FOLDER"),
        (["eval", "demo", "--baseline", "./nosuch"], "check the path: --baseline FOLDER"),
        (["eval", "demo", "--samplse", "1"], "did you mean '--samples'?"),
        (["eval", "demo", "--set", "baseline.revison=x", "--baseline", "demo"], "did you mean 'revision'?"),
    ],
)
def test_a_mistake_ends_with_2_and_is_named(upo: Upo, arguments: list[str], said: str) -> None:
    ended = upo(*arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.out == ""


def test_the_schema_of_the_result_is_printed(upo: Upo) -> None:
    assert upo("eval", "--schema").data == EvaluationRecord.model_json_schema()
