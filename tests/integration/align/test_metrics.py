"""What a run writes to ``metrics.jsonl``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import align

from .conftest import config, same, weights

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("no_report")


def test_metrics_are_logged_under_trls_names_and_the_names_the_user_typed(settings: dict[str, Any]) -> None:
    result = align(config(settings))
    rows = [json.loads(line) for line in (result.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    expected = {"rewards/chosen", "rewards/margins", "rewards/accuracies", "logps/rejected", "advantage/ess"}
    expected |= {"objective/length/reward_mean", "objective/lexical/weight", "objective/dpo/loss", "value/loss"}
    assert expected <= rows[0].keys()
    assert rows[0]["objective/dpo/loss"] == pytest.approx(0.6931, abs=1e-3)
    parts = ("objective/dpo", "likelihood", "objective/length", "objective/lexical")
    assert sum(rows[-2][f"{part}/share"] for part in parts) == pytest.approx(1)
    assert {"actor/share", "actor/grad_norm", "objective/length/grad_cos"} <= rows[-2].keys()


def test_metrics_end_with_how_fast_the_run_was_behind_the_last_evaluation(settings: dict[str, Any]) -> None:
    result = align(config(settings, {"data": {"path": settings["data"], "eval_fraction": 0.2}}))
    rows = [json.loads(line) for line in (result.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert "eval_loss" in rows[-2]
    assert {"train_runtime", "pairs_per_second", "tokens_per_second", "peak_memory_mb"} <= rows[-1].keys()
    assert rows[-1]["pairs_per_second"] == pytest.approx(14 / rows[-1]["train_runtime"])  # 4, 4, 2, 4
    assert [row for row in rows if "train_runtime" in row] == rows[-1:]


def test_gradient_metrics_of_accumulated_batches_are_those_of_the_big_batch(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    def run(batch: int, accumulation: int) -> dict[str, float]:
        training = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation, "max_steps": 2}
        folder = {"output_dir": str(tmp_path / f"{batch}x{accumulation}")}
        metrics = align(config(settings, {"training": training}, folder)).metrics
        return {name: value for name, value in metrics.items() if "/grad_" in name or "/share" in name}

    big, small = run(4, 1), run(1, 4)
    assert len(big) == 3 * 5
    assert big == pytest.approx(small, rel=1e-3)


def test_probing_the_parameters_changes_nothing_and_logs_how_the_parts_agree(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    plain = align(config(settings, {"output_dir": str(tmp_path / "plain")}))
    probed = align(config(settings, {"training": {"probe_steps": 2}}))
    assert same(weights(plain.output_dir), weights(probed.output_dir))
    rows = [json.loads(line) for line in (probed.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "probe/objective/dpo/share" in row] == [1, 3]
    assert rows[0]["probe/objective/dpo/grad_norm"] == pytest.approx(rows[0]["grad_norm"], rel=1e-4)  # the gate is shut
    assert -1 <= rows[2]["probe/cos/dpo/likelihood"] <= 1
