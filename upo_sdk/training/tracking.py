"""Trackers: which may be named, what they call a metric, and passing on what is logged."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from upo_sdk.errors import ConfigError, TrainingError, did_you_mean
from upo_sdk.redaction import redact, without_secrets
from upo_sdk.training.trackers import PROJECT, TRACKERS, TrackedRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from upo_sdk.training.trackers import Notify

__all__ = ["Tracking", "check_trackers", "shown_names"]

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


class Tracking(TrainerCallback):
    """Passes what is logged on to transformers' callback of every tracker.

    It is a context: transformers ends its trackers with training, and the evaluation and the summary come after that.
    """

    def __init__(self, names: Sequence[str], folder: Path, config: Mapping[str, Any], notify: Notify) -> None:
        self._names = names
        self._folder = folder
        self._config = without_secrets(dict(config))
        self._notify = notify
        self._until_the_end = ExitStack()
        self._callbacks: dict[str, TrainerCallback] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Close every tracker, with whether the run failed."""
        self._callbacks.clear()
        self._until_the_end.__exit__(kind, error, where)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the trackers; the run folder is there."""
        if not state.is_world_process_zero or self._callbacks:
            return
        shown: Any = _Shown(args, self._folder)
        run = TrackedRun(
            folder=self._folder,
            name=shown.run_name,
            step=state.global_step,
            config=self._config,
            notify=self._notify,
        )
        model = getattr(kwargs.get("model"), "lm", None)
        for name in self._names:
            try:
                callback = self._until_the_end.enter_context(TRACKERS[name](run))
                callback.on_train_begin(shown, state, control, model=model)
            except Exception as error:
                raise TrainingError(
                    f"{name} cannot record the run: {error}",
                    where="`training.report_to`",
                    fix=f"fix it, or leave out {name}; what was scored is kept",
                ) from error
            self._callbacks[name] = callback
            self._until_the_end.callback(callback.on_train_end, shown, state, control)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Pass on a row of metrics; a tracker that fails now is left out, and training continues."""
        logs, model = shown_names(kwargs["logs"]), getattr(kwargs.get("model"), "lm", None)
        shown: Any = _Shown(args, self._folder)
        for name, callback in list(self._callbacks.items()):
            try:
                callback.on_log(shown, state, control, logs=logs, model=model)
            except Exception as error:  # noqa: BLE001 - whatever a tracker's network or disk may do
                del self._callbacks[name]
                self._notify("warning", f"{name} failed at step {state.global_step} and is left out: {error}")


class _Shown:
    """The arguments of transformers, which its callbacks write down: without secrets, with a name and our project."""

    project = PROJECT

    def __init__(self, args: TrainingArguments, folder: Path) -> None:
        self._args = args
        self.run_name = redact(args.run_name or folder.resolve().name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._args, name)

    def to_dict(self) -> dict[str, Any]:
        args: Any = self._args
        return without_secrets(args.to_dict())

    def to_json_string(self) -> str:
        return json.dumps(self.to_dict(), indent=2, default=str)
