"""How each tracker is opened: transformers' own callbacks, with files in the run folder, and no questions."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any

from upo_sdk.config.files import flattened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path
    from typing import Literal

    from transformers import TrainerCallback

    Notify = Callable[[Literal["info", "warning"], str], None]

__all__ = ["PROJECT", "TRACKERS", "TrackedRun"]

PROJECT = "upo"

_LONGEST_PARAMETER = 500
_NOT_SENT = {"offline", "dryrun", "disabled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """Where and under which name a tracker records a run.

    Attributes:
        folder: The run folder; files go into a folder in it.
        step: The step that the run starts from; positive if it is resumed.
        config: The run's configuration, without secrets.
        notify: Takes a level and a text for the user.
    """

    folder: Path
    name: str
    step: int
    config: Mapping[str, Any]
    notify: Notify


@contextmanager
def _tensorboard(run: TrackedRun) -> Generator[TrainerCallback]:
    """TensorBoard: event files in ``runs`` of the run folder; a resumed run hides what came after its checkpoint."""
    from torch.utils.tensorboard import SummaryWriter

    folder = os.environ.get("TENSORBOARD_LOGGING_DIR") or str(run.folder / "runs")
    writer = SummaryWriter(folder, purge_step=run.step + 1 if run.step else None)
    writer.add_text("config", f"```json\n{json.dumps(run.config, indent=2, default=str)}\n```")
    integrations: Any = import_module("transformers.integrations")
    yield integrations.TensorBoardCallback(writer)


@contextmanager
def _mlflow(run: TrackedRun) -> Generator[TrainerCallback]:
    """MLflow: the tracking server of the environment, else a database in ``mlflow`` of the run folder.

    A run that the caller started is used, and left open.
    """
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
    mlflow.log_params({name: str(value)[:_LONGEST_PARAMETER] for name, value in flattened(run.config, "upo.").items()})
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


@contextmanager
def _trackio(run: TrackedRun) -> Generator[TrainerCallback]:
    """trackio: its own store, which ``trackio show`` reads; nothing is sent unless ``trackio_space_id`` is set."""
    trackio: Any = import_module("trackio")
    integrations: Any = import_module("transformers.integrations.integration_utils")

    class Callback(integrations.TrackioCallback):  # type: ignore[misc]  # of transformers, untyped
        """Adds the configuration of the run."""

        def setup(self, args: Any, state: Any, model: Any, **kwargs: Any) -> None:
            with redirect_stdout(StringIO()):  # it prints, and stdout is the caller's
                super().setup(args, state, model, **kwargs)
            trackio.config.update({"upo": dict(run.config)}, allow_val_change=True)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            with redirect_stdout(StringIO()):
                super().on_train_end(args, state, control, **kwargs)

    run.notify("info", f"trackio: trackio show --project {PROJECT}")
    made: Any = Callback
    yield made()


@contextmanager
def _wandb(run: TrackedRun) -> Generator[TrainerCallback]:
    """Weights & Biases: online if there is a key, else offline in ``wandb`` of the run folder; it never asks.

    A run that the caller started is used, and left open.
    """
    import wandb

    integrations: Any = import_module("transformers.integrations")
    if wandb.run is not None:
        yield integrations.WandbCallback()
        return
    hooks, is_first = (sys.exit, sys.excepthook), "WANDB_SERVICE" not in os.environ  # wandb replaces both for good
    started = _start_wandb(run)
    try:
        yield integrations.WandbCallback()
    except BaseException:
        started.finish(exit_code=1)
        raise
    else:
        started.finish()
    finally:
        sys.exit, sys.excepthook = hooks
        if is_first:
            wandb.teardown()


def _start_wandb(run: TrackedRun) -> Any:
    wandb: Any = import_module("wandb")

    settings = wandb.Settings(console="off", silent=True)
    wandb.setup(settings)
    mode = os.environ.get("WANDB_MODE", "online")
    if mode not in _NOT_SENT and not wandb.login(prompt=False):
        mode = "offline"
        run.notify("info", f"wandb: no API key, so the run is recorded offline; later: wandb sync {_folders(run)}")
    about: dict[str, Any] = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": os.environ.get("WANDB_NAME", run.name),
        "dir": str(run.folder),
        "config": dict(run.config),
        "settings": settings,
    }
    try:
        started = wandb.init(mode=mode, **about)
    except wandb.errors.Error as error:  # a tracker out of reach is no reason to lose a run
        run.notify("warning", f"wandb: {error}; the run is recorded offline; later: wandb sync {_folders(run)}")
        return wandb.init(mode="offline", **about)
    if started.url:
        run.notify("info", f"wandb: {started.url}")
    return started


def _folders(run: TrackedRun) -> str:
    return str(run.folder / "wandb" / "offline-run-*")


TRACKERS = {"mlflow": _mlflow, "tensorboard": _tensorboard, "trackio": _trackio, "wandb": _wandb}
"""Each makes the callback of a tracker, and closes the tracker at the end."""
