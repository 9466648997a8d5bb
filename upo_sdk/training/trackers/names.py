"""Which trackers there are, and what they call a metric."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from upo_sdk.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TRACKERS", "check_trackers", "shown_names"]

TRACKERS = ("mlflow", "tensorboard", "trackio", "wandb")

_SUMMARY = {"train_loss": "mean_loss", "total_flos": None}


def check_trackers(report_to: str) -> tuple[str, ...]:
    """Return the trackers of ``report_to``; nothing of them is imported.

    Args:
        report_to: Names with commas between them; ``none`` is none.

    Raises:
        ConfigError: A name is unknown, or the tracker is not installed.
    """
    names = tuple(dict.fromkeys(name.strip().lower() for name in report_to.split(",") if name.strip()))
    if names in {(), ("none",)}:
        return ()
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(
                f"there is no tracker '{name}'",
                where="`training.report_to`",
                fix=f"{did_you_mean(name, [*TRACKERS])}use any of {', '.join(TRACKERS)}, with commas between, or none",
            )
        if find_spec(name) is None:
            raise ConfigError(f"'{name}' is not installed", where="`training.report_to`", fix=f"pip install {name}")
        if name == "mlflow" and find_spec("sqlalchemy") is None and not os.environ.get("MLFLOW_TRACKING_URI"):
            raise ConfigError(
                "this MLflow cannot record runs on this machine: it comes without SQLAlchemy",
                where="`training.report_to`",
                fix="pip install mlflow, or set MLFLOW_TRACKING_URI to the address of a server",
            )
    return names


def shown_names(logs: Mapping[str, float]) -> dict[str, float]:
    """Return a row of ``metrics.jsonl`` in the names that transformers then writes as ``train/NAME`` and ``eval/NAME``.

    In the summary at the end, ``train_`` in front is dropped, and the mean loss of the run is ``mean_loss``: the names
    that transformers knows it would treat differently in every tracker.
    """
    renamed = {_SUMMARY.get(name, name.removeprefix("train_")): value for name, value in logs.items()}
    return {name: value for name, value in renamed.items() if name is not None}
