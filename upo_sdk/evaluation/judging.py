"""A judge's view of the answers: against those of the baseline, or the responses that the data prefers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.errors import ConfigError, DataError
from upo_sdk.evaluation.judge import check_judge
from upo_sdk.evaluation.judge.judge import judge_pairs
from upo_sdk.evaluation.judge.questions import Pair
from upo_sdk.records import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from upo_sdk.config import EvalConfig, JudgeConfig
    from upo_sdk.context import RunContext
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import Sample, WinRate

__all__ = ["WIN_RATE_NAMES", "check_judged", "judge_samples", "win_rate_metrics"]

WIN_RATE_NAMES = ("win_rate", "win_rate/length_controlled")


def check_judged(config: EvalConfig, rows: Dataset, registry: Registry) -> None:
    """Check, before any answer is sampled, that the judge can be asked and has something to compare.

    Args:
        config: The evaluation, resolved.
        rows: What will be evaluated.
        registry: Loaded plugins.

    Raises:
        ConfigError: Its template, the key's variable or an option cannot be used, or there is no baseline.
        DataError: The data has no chosen responses to compare with.
        ModelError: There is no such model.
    """
    if config.judge is None:
        return
    check_judge(config.judge, registry)
    if config.judge.against == "baseline" and config.baseline is None:
        raise ConfigError(
            "the judge has nothing to compare with: there is no baseline",
            where="`judge.target`",
            fix="give `baseline.path=MODEL`, or `judge.against=chosen` for the responses that the data prefers",
        )
    if config.judge.against == "chosen" and not any(any(labels) for labels in rows["desirable"][:]):
        raise DataError(
            "the data has no chosen responses that the judge could compare with",
            where="`judge.against=chosen`",
            fix="compare with a model instead: `baseline.path=MODEL` with `judge.against=baseline`",
        )


def judge_samples(
    samples: Sequence[Sample], config: JudgeConfig | None, context: RunContext, registry: Registry
) -> WinRate | None:
    """Let the judge compare every answer of the model with the other one; None without a judge.

    Raises:
        JudgeError: The judge refuses every question, or answered none of the first ones.
    """
    if config is None:
        return None
    others = [sample.baseline if config.against == "baseline" else sample.chosen for sample in samples]
    both = zip(samples, others, strict=True)
    pairs = [Pair(sample.prompt, sample.model, other) for sample, other in both if other is not None]
    return judge_pairs(pairs, config, context, registry=registry)


def win_rate_metrics(judged: WinRate | None) -> dict[str, Metric]:
    """Return the rates as metrics by name, for tables and thresholds; those without a value are left out."""
    if judged is None:
        return {}
    rates = dict(zip(WIN_RATE_NAMES, (judged.win_rate, judged.length_controlled), strict=True))
    return {name: Metric(value=rate, better="higher", unit="%") for name, rate in rates.items() if rate is not None}
