"""What the auxiliary objectives cost per training step, with their scores cached.

    python benchmarks/step_time.py [--steps 20] [--rounds 5] [--model FOLDER --data FILE]

Times whole training steps (forward, loss, backward, clip, optimizer) of ``dpo`` alone against ``dpo + toxicity +
lexical + length``, in one process and in turn, so that both see the same machine; on the embedded demo, or on a model
and pairs such as ``benchmarks.throughput`` writes. Every round runs both; the ratio is taken round by round, and the
median and the range over rounds are printed.

On a shared machine two equal steps differ by more than the auxiliary part takes. So that part is timed by itself as
well: the loss from the log-probs, the value head's optimizer and the metrics of every step, which is all that the two
do differently but for the gradients of a few numbers per response.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import StepLogged
from upo_sdk.training.step import Step
from upo_sdk.training.trainer import UPOTrainer

if TYPE_CHECKING:
    from upo_sdk.events import Event

OBJECTIVES = {
    "dpo": ["dpo"],
    "dpo + 3 auxiliary": ["dpo", "toxicity:0.3,model=builtin", "lexical:0.05", "length:0.1,target=20"],
}
PART = ((Step, "__call__"), (UPOTrainer, "step_value_head"), (UPOTrainer, "log"))
WARM_UP = 2


class Seconds(NamedTuple):
    """Median of a run's steps."""

    step: float
    part: float


class Clock:
    """Notes how long every step took, and the part of it that auxiliary objectives are about."""

    def __init__(self) -> None:
        self._times: list[float] = []
        self._parts: list[float] = []
        self._part = 0.0

    def on_event(self, event: Event, /) -> None:
        """Note the time of a step."""
        if isinstance(event, StepLogged):
            self._times.append(time.perf_counter())
            self._parts.append(self._part)
            self._part = 0.0

    def watch(self, kind: type, name: str) -> None:
        """Count the time in a method as part of the step."""
        method = getattr(kind, name)

        @wraps(method)
        def timed(*args: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*args, **named)
            finally:
                self._part += time.perf_counter() - start

        setattr(kind, name, timed)

    def take(self) -> Seconds:
        """Return the medians and begin anew; the first steps warm up."""
        steps = [
            later - earlier for earlier, later in zip(self._times[WARM_UP:], self._times[WARM_UP + 1 :], strict=False)
        ]
        taken = Seconds(statistics.median(steps), statistics.median(self._parts[WARM_UP + 1 :]))
        self._times, self._parts, self._part = [], [], 0.0
        return taken


def main() -> None:
    """Time both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", help="a folder; by default, with --data, the demo")
    parser.add_argument("--data", help="JSON lines of pairs")
    arguments = parser.parse_args()
    if bool(arguments.model) != bool(arguments.data):
        parser.error("--model and --data go together")
    given = {"model": arguments.model, "data": {"path": arguments.data}} if arguments.model else {}
    clock = Clock()
    for kind, name in PART:
        clock.watch(kind, name)
    ratios, shares = list[float](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UPO_CACHE_DIR"] = folder
        for number in range(arguments.rounds + 1):
            alone, together = (_time(Path(folder), refs, arguments.steps, given, clock) for refs in OBJECTIVES.values())
            if number == 0:
                continue  # fills the caches
            ratios.append(together.step / alone.step)
            shares.append((together.part - alone.part) / alone.step)
            print(
                f"round {number}: {alone.step:.3f} s, {together.step:.3f} s, ratio {ratios[-1]:.3f}; "
                f"the part by itself {alone.part * 1e3:.1f} ms, {together.part * 1e3:.1f} ms: "
                f"{shares[-1]:.2%} of a step more",
                flush=True,
            )
    print(f"ratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")
    print(f"by itself: median {statistics.median(shares):.2%}, from {min(shares):.2%} to {max(shares):.2%}")


def _time(folder: Path, objectives: list[str], steps: int, given: dict[str, Any], clock: Clock) -> Seconds:
    training = {"max_steps": steps, "logging_steps": 1, "per_device_train_batch_size": 4}
    settings = {
        **given,
        "objectives": objectives,
        "training": training,
        "loss": {"gate_steps": 0},
        "eval_prompts": 0,
        "output_dir": str(folder / f"run-{time.monotonic_ns()}"),
    }
    align(build_config(settings), callbacks=[clock])
    return clock.take()


if __name__ == "__main__":
    main()
