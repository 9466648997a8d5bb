"""A judge as part of an evaluation, and the life of its verdicts across processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from judge_endpoint import KEY, prefers_good, prefers_longer, says

from upo_sdk.config import EvalConfig
from upo_sdk.errors import ConfigError, DataError
from upo_sdk.evaluation.evaluate import evaluate
from upo_sdk.records import WinRate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def settings(tmp_path: Path, endpoint: Any) -> dict[str, Any]:
    """Return a small evaluation of the demo's model with a judge."""
    endpoint.respond = prefers_longer
    return {
        "model": "demo",
        "eval_prompts": 6,
        "max_new_tokens": 12,
        "output_dir": tmp_path / "out",
        "judge": {"target": endpoint.url, "model": "tiny", "against": "chosen"},
    }


def test_the_win_rate_is_in_the_file_and_a_metric_for_thresholds(settings: dict[str, Any], tmp_path: Path) -> None:
    gates = ["win_rate<101", "win_rate/length_controlled.high<0"]
    config = EvalConfig.model_validate({**settings, "eval_prompts": 10, "fail_if": gates})
    found = evaluate(config)
    assert isinstance(found.judge, WinRate)
    assert found.judge.pairs == found.judge.wins + found.judge.ties + found.judge.losses == 10
    assert found.judge.against == "chosen"
    assert found.metrics["win_rate"].value == found.judge.win_rate
    assert found.metrics["win_rate"].unit == "%"
    assert [verdict.holds for verdict in found.verdicts] == [True, False]
    written = json.loads((tmp_path / "out" / "eval.json").read_text("utf-8"))
    assert WinRate.model_validate(written["judge"]) == found.judge
    again = evaluate(config)
    assert again.judge is not None
    assert again.judge.cost.requests == 0


def test_a_model_is_judged_against_the_baseline_unless_told_otherwise(settings: dict[str, Any], endpoint: Any) -> None:
    judge = {**settings["judge"], "against": "baseline"}
    found = evaluate(EvalConfig.model_validate({**settings, "judge": judge, "baseline": "demo"}))
    assert found.judge is not None
    assert found.judge.identical == 6
    assert endpoint.bodies == []
    with pytest.raises(ConfigError, match="there is no baseline") as caught:
        evaluate(EvalConfig.model_validate({**settings, "judge": judge}))
    assert "`judge.against=chosen`" in (caught.value.fix or "")


def test_a_missing_key_is_said_before_anything_is_sampled(settings: dict[str, Any], own_cache: Path) -> None:
    judge = {**settings["judge"], "key_env": "NO_SUCH_KEY"}
    with pytest.raises(ConfigError, match="'NO_SUCH_KEY' is not set"):
        evaluate(EvalConfig.model_validate({**settings, "judge": judge}))
    assert not (own_cache / "cache.sqlite").exists()


def test_the_key_is_in_no_file_of_the_evaluation(
    settings: dict[str, Any], endpoint: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    endpoint.respond = lambda asked: says(f"Your key is {KEY}") if asked.number > 4 else prefers_longer(asked)
    found = evaluate(EvalConfig.model_validate({**settings, "judge": {**settings["judge"], "key_env": "JUDGE_KEY"}}))
    assert found.judge is not None
    assert found.judge.failures
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "eval.json" for path in files)
    assert not any(KEY[:8].encode() in path.read_bytes() for path in files)


def test_data_without_chosen_responses_has_nothing_to_be_judged_against(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    text = "Please hold the button for ten seconds, then wait for the light."
    rows = [{"prompt": f"{text} {number} ", "completion": text, "label": False} for number in range(3)]
    path = tmp_path / "unpaired.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match="no chosen responses"):
        evaluate(EvalConfig.model_validate({**settings, "data": {"path": str(path), "max_length": 64}}))


_SCRIPT = """
import sys
from upo_sdk.config import JudgeConfig
from upo_sdk.evaluation.judge import judge_answers
n = 10
config = JudgeConfig(target=sys.argv[1], model="tiny", concurrency=1)
found = judge_answers([f"p{i}" for i in range(n)], ["a good one"] * n, ["none"] * n, config)
print(found.model_dump_json())
"""


def test_what_a_killed_process_was_told_is_kept(endpoint: Any) -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def deadly(asked: Any) -> Any:
        if asked.number == 9:
            os.kill(processes[0].pid, signal.SIGKILL)
        return prefers_good(asked)

    endpoint.respond = deadly
    command = [sys.executable, "-c", _SCRIPT, endpoint.url]
    processes.append(subprocess.Popen(command, stdout=subprocess.PIPE))
    processes[0].communicate()
    assert processes[0].returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, check=True)
    found = WinRate.model_validate_json(done.stdout)
    assert found.wins == 10
    assert found.cost.cached is not None
    assert found.cost.cached >= 7
    assert found.cost.requests == 20 - found.cost.cached
