"""MLflow: the tracking server of the environment, else a database in ``mlflow`` of the run folder."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from upo_sdk.training.trackers.tracked_run import PROJECT

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from transformers import TrainerCallback

    from upo_sdk.training.trackers.tracked_run import TrackedRun

__all__ = ["opened"]

_LONGEST = 500


@contextmanager
def opened(run: TrackedRun) -> Generator[TrainerCallback]:
    """Start a run; one that the caller started is used, and left open."""
    mlflow: Any = import_module("mlflow")
    integrations: Any = import_module("transformers.integrations.integration_utils")

    class Callback(integrations.MLflowCallback):  # type: ignore[misc]  # of transformers, untyped
        """Writes the names of the other trackers, in which transformers' callback for MLflow differs."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any, **kwargs: Any) -> None:
            super().on_log(args, state, control, integrations.rewrite_logs(logs), **kwargs)

    made: Any = Callback
    if mlflow.active_run() is not None:
        yield made()
        return
    local = not mlflow.is_tracking_uri_set() and not os.environ.get("MLFLOW_TRACKING_URI")
    if local:
        mlflow.set_tracking_uri(_local_store(run))
    mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
    mlflow.start_run(run_name=run.name)
    mlflow.log_params({name: value[:_LONGEST] for name, value in _flat(run.config, "upo")})
    try:
        yield made()
    except BaseException:
        mlflow.end_run("FAILED")
        raise
    else:
        mlflow.end_run()
    finally:
        if local:
            mlflow.set_tracking_uri("")


def _local_store(run: TrackedRun) -> str:
    folder = (run.folder / "mlflow").resolve()
    folder.mkdir(exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def _flat(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}.{name}")
        else:
            yield f"{prefix}.{name}", str(value)
