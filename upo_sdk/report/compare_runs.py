"""Several runs beside each other: what differs between them in configuration and results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.records import RunRecord, Sample
from upo_sdk.statistics import Sums, differ, difference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.records import Estimate, Metric

__all__ = ["Comparison", "MetricDifference", "compare_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """One metric of a run beside the first run.

    Attributes:
        value: Of the run.
        change: The run minus the first one, paired by prompt; None where the answers are not to the same prompts.
        differs: Whether the interval of the change, or else those of both runs, leave out that they are equal.
    """

    value: Estimate
    change: Estimate | None
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between runs; all sequences are in the order of the runs.

    Attributes:
        settings: Values of the settings that are not the same in all, by key; None where a run has no such setting.
        metrics: By name, those that all runs have.
    """

    runs: tuple[RunRecord, ...]
    settings: dict[str, tuple[Any, ...]]
    metrics: dict[str, tuple[MetricDifference, ...]]


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Compare runs with the first one.

    Raises:
        OutputError: A folder holds no run.
        DataError: A file in it is damaged.
    """
    runs = tuple(RunRecord.load(folder) for folder in folders)
    configs = [_settings(run) for run in runs]
    keys = dict.fromkeys(key for config in configs for key in config if key != "output_dir")
    found = {key: tuple(config.get(key) for config in configs) for key in keys}
    samples = [Sample.load_lines(folder / Sample.RUN_FILE) for folder in folders]
    metrics = [run.evaluation.metrics if run.evaluation else {} for run in runs]
    shared = [name for name in metrics[0] if all(name in other for other in metrics)]
    return Comparison(
        runs=runs,
        settings={key: values for key, values in found.items() if any(value != values[0] for value in values)},
        metrics={
            name: tuple(
                _difference(name, metrics[0][name], metric[name], samples[0], own)
                for metric, own in zip(metrics, samples, strict=True)
            )
            for name in shared
        },
    )


def _settings(run: RunRecord) -> dict[str, Any]:
    """Return the resolved configuration, flat; objectives as they are typed."""
    from upo_sdk.config.files import RESOLVED_CONFIG, flattened, read_config_file

    path = run.output_dir / RESOLVED_CONFIG
    config = read_config_file(path) if path.is_file() else {}
    return flattened({**config, "objectives": " ".join(item.objective for item in (*run.objectives, *run.held_out))})


def _difference(
    name: str, first: Metric, metric: Metric, first_samples: Sequence[Sample], samples: Sequence[Sample]
) -> MetricDifference:
    one, other = _by_prompt(name, samples), _by_prompt(name, first_samples)
    prompts = list(other)
    if not prompts or one.keys() != other.keys():
        return MetricDifference(value=metric.value, change=None, differs=differ(metric.value, first.value))
    change = difference(*(Sums.of([found[prompt] for prompt in prompts]) for found in (one, other)))
    low, high = change.interval or (0.0, 0.0)
    return MetricDifference(value=metric.value, change=change, differs=change.enough and (low > 0 or high < 0))


def _by_prompt(name: str, samples: Sequence[Sample]) -> dict[str, list[float]]:
    """Return the values of a metric of the answers by prompt; empty for one that no single answer has."""
    found = dict[str, list[float]]()
    for sample in samples:
        kind, _, label = name.partition("/")
        values = {"reward": sample.rewards, "normalized_reward": sample.normalized_rewards}.get(kind, sample.measures)
        compared = values.get(label if kind in {"reward", "normalized_reward"} else name)
        if compared is not None:
            found.setdefault(sample.prompt, []).append(np.nan if compared.model is None else compared.model)
    return found
