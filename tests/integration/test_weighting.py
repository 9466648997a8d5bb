"""Whole runs whose weights change, whose rows count differently, and whose rewards are in the data or normalised."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.scoring import read_normalizers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.records import RunRecord

pytestmark = pytest.mark.usefixtures("no_report")

OBJECTIVES = ["dpo:1@linear(8,0)", "length:0.5@linear(0,3),target=8", "lexical:0.3@step(1),metric=diversity"]


@pytest.fixture
def settings(model_folder: Callable[[str], Path], tmp_path: Path) -> dict[str, Any]:
    rows = [
        {
            "prompt": f"{n}. How do I restart the router? ",
            "chosen": "Please hold the button. " * (1 + n % 3),
            "rejected": "I do not know." + " No." * n,
            "sample_weight": [0.5, 1, 3, 0.25][n % 4],
            "margin": 0.1 * n,
        }
        for n in range(12)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    training = {"max_steps": 4, "learning_rate": 0.1, "optim": "sgd", "logging_steps": 1, "save_steps": 2}
    return {
        "model": str(model_folder("llama")),
        "data": {"path": str(path)},
        "objectives": OBJECTIVES,
        "loss": {"gate_steps": 1},
        "training": {**training, "per_device_train_batch_size": 4},
        "output_dir": str(tmp_path / "run"),
    }


def run(settings: dict[str, Any], *more: dict[str, Any]) -> RunRecord:
    return align(build_config(settings, *more))


def weights(result: RunRecord) -> dict[str, torch.Tensor]:
    return load_file(result.output_dir / "model.safetensors")


def logged(result: RunRecord, name: str) -> list[float]:
    rows = [json.loads(line) for line in (result.output_dir / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if "loss" in row]


def rewrite(settings: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]], path: Path) -> dict[str, Any]:
    """Return settings with changed rows."""
    with open(settings["data"]["path"], encoding="utf-8") as file:  # noqa: PTH123 - the path is text in settings
        rows = [change(json.loads(line)) for line in file]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {"data": {"path": str(path)}, "output_dir": str(path.with_suffix(""))}


def test_accumulation_equals_the_big_batch_with_row_weights_margins_and_schedules(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    def trained(batch: int, accumulation: int) -> dict[str, torch.Tensor]:
        training = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
        return weights(run(settings, {"training": training, "output_dir": str(tmp_path / f"{batch}x{accumulation}")}))

    big, small = trained(8, 1), trained(1, 8)
    assert all(torch.allclose(big[name], small[name], atol=1e-5) for name in big)


def test_the_logged_weight_is_that_of_the_step_and_a_resumed_run_follows_it(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = run(settings, {"output_dir": str(tmp_path / "whole")})
    assert logged(whole, "objective/length/weight") == pytest.approx([0, 0.5 / 3, 1 / 3, 0.5])
    assert logged(whole, "objective/lexical/weight") == pytest.approx([0, 0.3, 0.3, 0.3])
    assert logged(whole, "objective/dpo/weight") == pytest.approx([1, 0.875, 0.75, 0.625])
    run(settings)
    (tmp_path / "run" / "model.safetensors").unlink()
    resumed = run(settings, {"resume_from_checkpoint": "checkpoint-2"})
    expected = weights(whole)
    assert all(torch.equal(expected[name], tensor) for name, tensor in weights(resumed).items())


def test_a_run_with_rows_of_weight_two_is_the_run_with_these_rows_twice(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    with open(settings["data"]["path"], encoding="utf-8") as file:  # noqa: PTH123 - the path is text in settings
        rows = [json.loads(line) | {"prompt": "Why?"} for line in file]
    copies = [1, 2, 1, 3, 0, 1] * 2

    def trained(name: str, written: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
        more = {
            "data": {"path": str(path)},
            "objectives": [
                "dpo",
                "length:0.5,target=8,normalize=zscore",
                "lexical:0.3,metric=diversity,normalize=rank",
            ],
            "loss": {"gate_steps": 0, "baseline": "soft"},
            "training": {"max_steps": 2, "save_steps": 0, "per_device_train_batch_size": len(written)},
            "output_dir": str(tmp_path / name),
        }
        return weights(run(settings, more))

    weighted = trained("weights", [row | {"sample_weight": count} for row, count in zip(rows, copies, strict=True)])
    unweighted = [{**row, "sample_weight": 1} for row in rows]
    copied = trained("copies", [row for row, count in zip(unweighted, copies, strict=True) for _ in range(count)])
    assert all(torch.allclose(copied[name], tensor, atol=1e-6) for name, tensor in weighted.items())


@pytest.mark.parametrize("column", ["sample_weight", "margin"])
def test_a_column_changes_the_model_and_a_neutral_one_does_not(
    settings: dict[str, Any], tmp_path: Path, column: str
) -> None:
    neutral = {"sample_weight": 2.0, "margin": 0.0}[column]
    given = weights(run(settings))
    dropped = rewrite(settings, lambda row: {k: v for k, v in row.items() if k != column}, tmp_path / "a.jsonl")
    without = weights(run(settings, dropped))
    same = weights(run(settings, rewrite(settings, lambda row: {**row, column: neutral}, tmp_path / "b.jsonl")))
    assert all(torch.allclose(same[name], tensor, atol=1e-6) for name, tensor in without.items())
    assert not all(torch.allclose(given[name], tensor, atol=1e-6) for name, tensor in without.items())


def test_rewards_in_the_data_replace_scoring(settings: dict[str, Any], tmp_path: Path) -> None:
    change = rewrite(settings, lambda row: {**row, "reward/length": [0.75, 0.25]}, tmp_path / "c.jsonl")
    statistics = {item.label: item for item in run(settings, change).scores}
    assert (statistics["length"].minimum, statistics["length"].maximum) == (0.25, 0.75)
    assert statistics["lexical"].minimum < 0.25


def test_normalised_rewards_are_those_of_the_training_data_and_are_kept_with_the_run(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    alike = rewrite(settings, lambda row: {**row, "sample_weight": 1}, tmp_path / "d.jsonl")
    objectives = ["dpo", "length:0.5,target=8,normalize=zscore", "lexical:0.3,metric=diversity,normalize=rank"]
    more = {"objectives": objectives, "eval_prompts": 2, "eval_max_new_tokens": 4}
    more |= {**alike, "data": {**alike["data"], "eval_fraction": 0.3}}
    settings["training"] |= {"num_train_epochs": 2, "max_steps": -1}
    result = run(settings, more)
    manifest = json.loads((result.output_dir / "run.json").read_text(encoding="utf-8"))["normalization"]
    scores = result.scores[0]
    assert manifest["length"] == {"method": "zscore", "mean": scores.mean, "std": scores.std}
    assert read_normalizers(result.output_dir)["lexical"].summary() == manifest["lexical"]
    assert 0 <= result.metrics["eval_objective/lexical/reward_mean"] <= 1
    assert list(result.evaluation.rewards) == ["length", "lexical"]


def test_a_resumed_run_normalises_as_the_run_before(settings: dict[str, Any]) -> None:
    more = {"objectives": ["dpo", "length:0.5,target=8,normalize=zscore"]}
    folder = run(settings, more).output_dir
    kept = read_normalizers(folder)["length"].summary()
    text = (folder / "normalization.json").read_text(encoding="utf-8")
    (folder / "normalization.json").write_text(text.replace(str(kept["mean"]), "0.125"), encoding="utf-8")
    run(settings, more, {"resume_from_checkpoint": "checkpoint-2"})
    assert read_normalizers(folder)["length"].summary() == {**kept, "mean": 0.125}
