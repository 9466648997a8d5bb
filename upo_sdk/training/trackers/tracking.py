"""Opens the trackers when training begins, and closes them when everything is logged."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from upo_sdk.errors import TrainingError
from upo_sdk.redaction import redact, without_secrets
from upo_sdk.training.trackers.names import shown_names
from upo_sdk.training.trackers.tracked_run import TrackedRun

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from upo_sdk.training.trackers.tracked_run import Notify

__all__ = ["Tracking"]

_MODULES = {"mlflow": "mlflow_runs", "tensorboard": "event_files", "trackio": "trackio_runs", "wandb": "wandb_runs"}


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
        shown: Any = _Shown(args)
        run = TrackedRun(
            folder=self._folder,
            name=redact(args.run_name or self._folder.resolve().name),
            step=state.global_step,
            config=self._config,
            notify=self._notify,
        )
        model = getattr(kwargs.get("model"), "lm", None)
        for name in self._names:
            opened = import_module(f"upo_sdk.training.trackers.{_MODULES[name]}").opened
            with _named_failure(name):
                callback: TrainerCallback = self._until_the_end.enter_context(opened(run))
                callback.on_train_begin(shown, state, control, model=model)
            self._callbacks[name] = callback
            self._until_the_end.callback(callback.on_train_end, shown, state, control)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Pass on a row of metrics; a tracker that fails now is left out, and training continues."""
        logs, model = shown_names(kwargs["logs"]), getattr(kwargs.get("model"), "lm", None)
        shown: Any = _Shown(args)
        for name, callback in list(self._callbacks.items()):
            try:
                callback.on_log(shown, state, control, logs=logs, model=model)
            except Exception as error:  # noqa: BLE001 - whatever a tracker's network or disk may do
                del self._callbacks[name]
                self._notify("warning", f"{name} failed at step {state.global_step} and is left out: {error}")


@contextmanager
def _named_failure(name: str) -> Generator[None]:
    try:
        yield
    except Exception as error:
        raise TrainingError(
            f"{name} cannot record the run: {error}",
            where="`training.report_to`",
            fix=f"fix it, or leave out {name}; what was scored is kept",
        ) from error


class _Shown:
    """The arguments of transformers, which its callbacks write down: without secrets."""

    def __init__(self, args: TrainingArguments) -> None:
        self._args = args

    def __getattr__(self, name: str) -> Any:
        return getattr(self._args, name)

    def to_dict(self) -> dict[str, Any]:
        args: Any = self._args
        return without_secrets(args.to_dict())

    def to_json_string(self) -> str:
        return json.dumps(self.to_dict(), indent=2, default=str)
