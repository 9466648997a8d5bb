"""Connects transformers' callbacks to our events, to metrics.jsonl and to cancellation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import reduce
from transformers import TrainerCallback

from upo_sdk.atomic_file import write_atomically
from upo_sdk.events import TRAINING, CheckpointSaved, Progress, StepLogged
from upo_sdk.records import MetricsRow

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from upo_sdk.context import RunContext
    from upo_sdk.events import CancelToken

__all__ = ["CollapseWarning", "EventBridge", "LogLastStep", "MetricsFile", "StopWhenCancelled"]

_COLLAPSE_SHARE = 0.05
_COLLAPSE_STEPS = 20


class EventBridge(TrainerCallback):
    """Emits :class:`Progress`, :class:`StepLogged` and :class:`CheckpointSaved` on the main process."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._evaluated = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Say where training starts."""
        self._training(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Say how far training is."""
        self._training(state)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Say how far an evaluation is."""
        self._evaluated += 1
        if state.is_world_process_zero:
            total = len(kwargs["eval_dataloader"])
            self._context.emit(Progress("evaluating held-out rows", self._evaluated, total, "batches"))

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Start counting again."""
        self._evaluated = 0

    def _training(self, state: TrainerState) -> None:
        if state.is_world_process_zero:
            self._context.emit(Progress(TRAINING, state.global_step, state.max_steps, "steps"))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Pass on the metrics of an interval."""
        if state.is_world_process_zero and "loss" in kwargs["logs"]:
            self._context.emit(StepLogged(state.global_step, state.max_steps, dict(kwargs["logs"])))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Say where the checkpoint is."""
        if state.is_world_process_zero:
            path = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
            self._context.emit(CheckpointSaved(path))


class MetricsFile(TrainerCallback):
    """Appends every log to ``metrics.jsonl``; a resumed run first drops the rows after its checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the rows up to the checkpoint."""
        if not state.is_world_process_zero:
            return
        rows = self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []
        kept = [row for row in rows if 0 < _step(row) <= state.global_step and "train_runtime" not in row]
        write_atomically(self._path, "".join(f"{row}\n" for row in kept))

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Append one row."""
        if not state.is_world_process_zero:
            return
        logged = {name: _jsonable(value) for name, value in kwargs["logs"].items()}
        row = MetricsRow.model_validate({"step": state.global_step, **logged})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(row.line())


class LogLastStep(TrainerCallback):
    """Logs the last step of a run, whatever ``logging_steps`` says."""

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Ask for a log after the last step."""
        if state.global_step >= state.max_steps:
            control.should_log = True


class StopWhenCancelled(TrainerCallback):
    """Ends training at the next step with a checkpoint once the token is set."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the token; all ranks stop at the same step."""
        if self._asked_on_any_rank(args):
            control.should_log = True
            control.should_save = True
            control.should_training_stop = True

    def _asked_on_any_rank(self, args: TrainingArguments) -> bool:
        if args.world_size == 1:
            return self._cancel.is_set()
        asked: Any = reduce(torch.tensor(float(self._cancel.is_set()), device=args.device), reduction="sum")
        return bool(asked)


class CollapseWarning(TrainerCallback):
    """Warns once if a few completions carry all the weight for twenty steps."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._since: int | None = None
        self._warned = False

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Watch the effective sample size."""
        share = kwargs["logs"].get("advantage/ess")
        if share is None or self._warned:
            return
        if share >= _COLLAPSE_SHARE:
            self._since = None
            return
        self._since = state.global_step if self._since is None else self._since
        if state.global_step - self._since >= _COLLAPSE_STEPS:
            self._warned = True
            text = (
                f"the advantage weights have collapsed: the effective sample size is {share:.1%} of the batch at step "
                f"{state.global_step}; lower `loss.lambda` or set `loss.advantage_cap=3`"
            )
            self._context.warn(text)


def _step(row: str) -> int:
    """Return the step of a row; 0 for what a kill left of one."""
    try:
        return int(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError):
        return 0


def _jsonable(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
