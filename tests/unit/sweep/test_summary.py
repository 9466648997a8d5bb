from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.records import CacheUse, Estimate, Metric, PointFailure, SweepRecord
from upo_sdk.sweep.summary import average, saving, summarized
from upo_sdk.sweep.table import remarks, table_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conftest import GridMaker

    from upo_sdk.records import SweepPoint


def metric(mean: float, half: float = 0.0, better: Any = "higher", count: int = 50) -> Metric:
    return Metric(value=Estimate(mean=mean, low=mean - half, high=mean + half, count=count), better=better)


def done(point: SweepPoint, *, cache: Sequence[CacheUse] = (), seconds: float = 10.0, **metrics: float) -> SweepPoint:
    measured = {name.replace("__", "/"): metric(value, 0.1) for name, value in metrics.items()}
    changes = {"status": "done", "metrics": measured, "cache": tuple(cache), "seconds": {"total": seconds}}
    return point.model_copy(update=changes)


def sweep_of(points: Sequence[SweepPoint], **fields: Any) -> SweepRecord:
    return SweepRecord(software="1", created="now", axes=(), points=tuple(points), evaluated=("toxicity",), **fields)


def test_points_are_compared_by_accuracy_and_every_auxiliary_reward(grid: GridMaker) -> None:
    one, two, three, four = grid("toxicity:0,0.1,0.2,0.3").points
    state = summarized(
        sweep_of(
            [
                done(one, accuracy=0.9, reward__toxicity=0.5, kl=1.0),
                done(two, accuracy=0.8, reward__toxicity=0.9, kl=2.0),
                done(three, accuracy=0.7, reward__toxicity=0.8, kl=0.1),
                four,
            ]
        )
    )
    assert [(axis.metric, axis.better) for axis in state.pareto_axes] == [
        ("accuracy", "higher"),
        ("reward/toxicity", "higher"),
    ]
    assert [row.pareto for row in state.rows] == [True, True, False]
    assert [point.pareto for point in state.points] == [True, True, False, None]


def test_the_metrics_to_compare_by_can_be_chosen(grid: GridMaker) -> None:
    one, two = grid("toxicity:0,0.1").points
    points = [done(one, accuracy=0.9, margin=0.5), done(two, accuracy=0.8, margin=0.6)]
    assert [row.pareto for row in summarized(sweep_of(points, pareto=("margin",))).rows] == [False, True]


def test_a_metric_that_was_not_measured_is_refused_with_those_that_were(grid: GridMaker) -> None:
    points = [done(grid("toxicity:0,0.1").points[0], accuracy=0.9)]
    with pytest.raises(ConfigError) as caught:
        summarized(sweep_of(points, pareto=("accuracies",)))
    assert caught.value.fix == "did you mean 'accuracy'? choose of: accuracy; the finished points are kept"


def test_nothing_finished_is_an_empty_table(grid: GridMaker) -> None:
    state = summarized(sweep_of(grid("toxicity:0,0.1").points, pareto=("accuracy",)))
    assert (state.rows, state.pareto_axes, state.saving) == ((), (), None)


def test_the_mean_over_seeds_has_an_interval_over_seeds_and_prompts() -> None:
    # The means .4 and .6: sd = .2/√2, s = 12.706 · sd / √2 = 1.2706; p = .3; √(s² + p²) = 1.30554.
    found = average([metric(0.4, 0.3), metric(0.6, 0.3)]).value
    assert found.mean == pytest.approx(0.5)
    assert (found.low, found.high) == (pytest.approx(0.5 - 1.30554, abs=1e-4), pytest.approx(0.5 + 1.30554, abs=1e-4))
    assert found.count == 50  # the same prompts for every seed


def test_one_seed_keeps_its_interval() -> None:
    assert average([metric(0.4, 0.3)]) == metric(0.4, 0.3)


def test_seeds_that_agree_leave_the_interval_over_prompts() -> None:
    found = average([metric(0.4, 0.3)] * 20).value
    assert (found.mean, found.low, found.high) == (pytest.approx(0.4), pytest.approx(0.1), pytest.approx(0.7))


def test_a_row_averages_the_seeds_that_are_done(grid: GridMaker) -> None:
    one, two, three, four = grid("toxicity:0,0.1", seeds=2).points
    state = summarized(sweep_of([done(one, accuracy=0.4), done(two, accuracy=0.6), done(three, accuracy=0.9), four]))
    assert [(row.name, len(row.points), row.metrics["accuracy"].value.mean) for row in state.rows] == [
        ("toxicity=0", 2, pytest.approx(0.5)),
        ("toxicity=0.1", 1, 0.9),
    ]
    assert [point.pareto for point in state.points] == [False, False, True, None]


def use(found: int, computed: int, seconds: float, task: Any = "scoring", label: str = "toxicity") -> CacheUse:
    return CacheUse(task=task, label=label, found=found, computed=computed, seconds=seconds)


def test_what_the_caches_saved_is_what_the_same_work_took_where_it_was_computed(grid: GridMaker) -> None:
    one, two, three = grid("toxicity:0,0.1,0.2").points
    points = [
        done(one, cache=[use(0, 100, 5.0), use(0, 10, 1.0, "reference", "")], seconds=10.0),
        done(two, cache=[use(100, 0, 0.5), use(10, 0, 0.0, "reference", "")], seconds=4.0),
        done(three, cache=[use(100, 0, 0.5)], seconds=4.0),
    ]
    found = saving(points)
    assert found is not None
    assert found.spent_seconds == 18.0
    assert found.saved_seconds == pytest.approx(4.5 + 1.0 + 4.5)
    assert found.share == pytest.approx(10 / 28)


def test_work_that_no_point_computed_is_not_counted_as_saved(grid: GridMaker) -> None:
    one, two = grid("toxicity:0,0.1").points
    found = saving([done(one, cache=[use(100, 0, 0.5)]), done(two, cache=[use(100, 0, 0.5)])])
    assert found is not None
    assert found.saved_seconds == 0.0


def test_the_table_marks_the_front_and_starts_with_the_model_before(grid: GridMaker) -> None:
    one, two, three = grid("toxicity:0,0.1,0.2").points
    failed = three.model_copy(update={"status": "failed", "failure": PointFailure(code="training", what="loss is nan")})
    baseline = {"accuracy": metric(0.5, 0.05), "reward/toxicity": metric(0.25)}
    points = [done(one, accuracy=0.9, reward__toxicity=0.9), done(two, accuracy=0.7, reward__toxicity=0.8), failed]
    state = summarized(sweep_of(points, baseline=baseline))
    headers, rows = table_rows(state)
    assert headers == ["", "point", "accuracy", "reward/toxicity"]
    assert rows == [
        ["", "(before)", "0.500 ±0.050", "0.250 ±0.000"],
        ["*", "toxicity=0", "0.900 ±0.100", "0.900 ±0.100"],
        ["", "toxicity=0.1", "0.700 ±0.100", "0.800 ±0.100"],
    ]
    marks, failure, caches = remarks(state)
    assert marks.endswith("accuracy (higher is better) and reward/toxicity (higher is better)")
    assert failure == "failed: toxicity=0.2: loss is nan"
    assert caches.endswith("saved 0 s, 0% of the 20 s that the points would have taken")


def test_equal_points_have_equal_marks_and_a_star_needs_an_interval(grid: GridMaker) -> None:
    """Half-widths of .1 and .1 make .141: .9 and .8 may be chance, .9 and .7 are not."""
    one, two, three = grid("toxicity:0,0.1,0.2").points
    same = [done(point, accuracy=0.9 + noise, reward__toxicity=0.5) for point, noise in ((one, 0.0), (two, 1e-15))]

    def marks(accuracy: float) -> list[str]:
        worse = done(three, accuracy=accuracy, reward__toxicity=0.4)
        return [row[0] for row in table_rows(summarized(sweep_of([*same, worse])))[1]]

    assert marks(0.7) == ["*", "*", ""]
    assert marks(0.8) == ["~", "~", ""]
    assert [row[0] for row in table_rows(summarized(sweep_of(same)))[1]] == ["~", "~"]
    assert "it may be chance" in remarks(summarized(sweep_of(same)))[1]
