"""The arithmetic of benchmarks/throughput, and one small measurement from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from benchmarks.throughput.growth import growth
from benchmarks.throughput.sizes import Size
from benchmarks.throughput.summary import Ratio, counted, loss_gaps, ratio_per_round, slope
from benchmarks.throughput.workloads import Shape, grouped_by_length, make_workload

ROOT = Path(__file__).parents[2]
SPEED = Ratio("speed", "upo", "trl", "pairs_per_second")


def test_a_ratio_is_taken_inside_each_round_and_rounds_without_both_sides_do_not_count() -> None:
    speeds = [(1, "upo", 6.0), (1, "trl", 2.0), (2, "trl", 1.0), (2, "upo", 5.0), (3, "upo", 9.0), (4, "trl", 9.0)]
    measurements = [
        {"round": number, "side": side, "cached": False, "pairs_per_second": speed} for number, side, speed in speeds
    ]
    assert ratio_per_round(measurements, SPEED) == (4.0, 3.0, 5.0, 2)


def test_there_is_no_ratio_without_a_round_that_measured_both_sides() -> None:
    assert ratio_per_round([{"round": 1, "side": "upo", "cached": True, "pairs_per_second": 1.0}], SPEED) is None


def test_a_whole_run_begins_with_empty_caches_and_memory_is_that_of_runs_that_find_them_filled() -> None:
    runs = [{"side": "upo", "cached": False}, {"side": "upo", "cached": True}, {"side": "trl", "cached": False}]
    assert counted(runs, "pairs_per_second_whole_run") == [runs[0], runs[2]]
    assert counted(runs, "growth_mb") == [runs[1], runs[2]]
    assert counted(runs, "pairs_per_second") == runs


def test_losses_are_compared_with_the_peers_that_read_the_same_batches() -> None:
    curves = {"dpo-same-batches": [0.7, 0.6], "trl-best": [0.7, 0.5], "trl": [9.0, 9.0]}
    gaps = loss_gaps([{"side": side, "losses": losses} for side, losses in curves.items()])
    assert gaps == pytest.approx({"trl-best": 0.1})


def test_the_slope_of_a_square_is_two() -> None:
    assert slope([(1, 3.0), (2, 12.0), (10, 300.0)]) == pytest.approx(2)


def test_growth_over_rows_is_that_of_the_whole_run_and_elsewhere_that_of_a_step() -> None:
    common = {"side": "upo", "steps": 3, "batch_size": 4, "growth_mb": 7.0, "pairs_per_second": 2.0}
    whole = {"pairs_per_second_whole_run": 1.5}
    measurements = [
        {**common, **whole, "axis": axis, "value": value} for axis in ("rows", "prompt") for value in (1, 2)
    ]
    found = growth(measurements)
    assert found["rows"]["upo"]["seconds"] == {1: 8.0, 2: 8.0}
    assert found["prompt"]["upo"]["seconds"] == {1: 2.0, 2: 2.0}
    assert found["prompt"]["upo"]["slope_seconds"] == pytest.approx(0)


def test_grouping_puts_rows_of_similar_length_into_a_batch_and_keeps_every_row() -> None:
    order = grouped_by_length([9, 1, 8, 2, 7, 3], 2, Random(0))
    assert sorted(order) == [0, 1, 2, 3, 4, 5]
    assert {frozenset(order[start : start + 2]) for start in (0, 2, 4)} == {
        frozenset({1, 3}),
        frozenset({5, 4}),
        frozenset({2, 0}),
    }


def test_all_orders_hold_the_same_rows_and_warm_up_on_the_same_ones() -> None:
    workload = make_workload(Shape.parse("8/4"), vocabulary=50, count=12, warm_up=4, batch_size=2, human=None)
    shuffled, *grouped = workload.orders.values()
    assert len(grouped) == 2
    for rows in grouped:
        assert rows[:4] == shuffled[:4]
        assert sorted(map(str, rows)) == sorted(map(str, shuffled))


def test_the_operations_of_a_pair_count_the_prompt_once() -> None:
    size = Size(hidden=2, intermediate=3, layers=1, heads=1)
    # 34 weights in the layer; 4 + 2 · 1 positions; the head for 2 responses of 1 token over 5 words:
    # 6 · 34 · 6 = 1224, and 6 · 2 · 5 · 2 = 120; attention sees 4²/2 + 2 · (1 · 4 + 1/2) = 17, times 12 · 2 = 408.
    assert size.flops_per_pair(prompt=4, response=1, vocabulary=5) == 1224 + 120 + 408


@pytest.mark.slow
@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra 'peer' is not installed")
def test_a_quick_comparison_measures_both_sides_and_finds_the_same_losses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.throughput", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (case,) = json.loads((tmp_path / "results.json").read_text())["cases"]
    assert case["sides"].keys() == {"trl-best-head", "dpo-same-batches", "upo"}
    assert case["largest_loss_difference"]["trl-best-head"] < 1e-4
    assert "| TRL, best, CUDA-style head |" in done.stdout
    assert (tmp_path / "throughput.svg").stat().st_size > 0
