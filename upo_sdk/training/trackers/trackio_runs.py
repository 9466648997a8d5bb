"""trackio: its own store, which ``trackio show`` reads."""

from __future__ import annotations

from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any

from upo_sdk.training.trackers.tracked_run import PROJECT

if TYPE_CHECKING:
    from collections.abc import Generator

    from transformers import TrainerCallback

    from upo_sdk.training.trackers.tracked_run import TrackedRun

__all__ = ["opened"]


@contextmanager
def opened(run: TrackedRun) -> Generator[TrainerCallback]:
    """Record under the name of the run folder; nothing is sent unless ``trackio_space_id`` is set."""
    trackio: Any = import_module("trackio")
    integrations: Any = import_module("transformers.integrations.integration_utils")

    class Callback(integrations.TrackioCallback):  # type: ignore[misc]  # of transformers, untyped
        """Names project and run, and adds the configuration of the run."""

        def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
            with redirect_stdout(StringIO()):  # it prints, and stdout is the caller's
                super().setup(_Named(args, run.name), state, model, **kwargs)
            trackio.config.update({"upo": dict(run.config)}, allow_val_change=True)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            with redirect_stdout(StringIO()):
                super().on_train_end(_Named(args, run.name), state, control, **kwargs)

    run.notify("info", f"trackio: trackio show --project {PROJECT}")
    made: Any = Callback
    yield made()


class _Named:
    def __init__(self, args: Any, name: str) -> None:
        self._args, self.run_name = args, name
        self.project = PROJECT if args.project == "huggingface" else args.project

    def __getattr__(self, name: str) -> Any:
        return getattr(self._args, name)
