"""What the auxiliary objectives cost per training step, with their scores cached.

    python benchmarks/step_time.py [--steps 20] [--rounds 5]

Times whole training steps (forward, loss, backward, clip, optimizer) of ``dpo`` alone against ``dpo + toxicity +
lexical + length`` on the embedded demo, in one process and in turn, so that both see the same machine. Every round runs
both; the ratio is taken round by round, and the median and the range over rounds are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import StepLogged

if TYPE_CHECKING:
    from upo_sdk.events import Event

OBJECTIVES = {
    "dpo": ["dpo"],
    "dpo + 3 auxiliary": ["dpo", "toxicity:0.3", "lexical:0.05", "length:0.1,target=20"],
}


class Clock:
    """Notes when every step was logged."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_event(self, event: Event, /) -> None:
        """Note the time of a step."""
        if isinstance(event, StepLogged):
            self.times.append(time.perf_counter())

    def seconds_per_step(self) -> float:
        """Return the median time between two steps; the first ones warm up."""
        return statistics.median(
            later - earlier for earlier, later in zip(self.times[2:], self.times[3:], strict=False)
        )


def main() -> None:
    """Time both in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    ratios = list[float]()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UPO_CACHE_DIR"] = folder
        for round_number in range(arguments.rounds + 1):
            seconds = {name: _time(Path(folder), refs, arguments.steps) for name, refs in OBJECTIVES.items()}
            if round_number == 0:
                continue  # fills the caches
            alone, together = seconds.values()
            ratios.append(together / alone)
            print(f"round {round_number}: {alone:.3f} s, {together:.3f} s, ratio {ratios[-1]:.3f}", flush=True)
    print(f"ratio: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


def _time(folder: Path, objectives: list[str], steps: int) -> float:
    clock = Clock()
    training = {"max_steps": steps, "logging_steps": 1}
    settings = {
        "objectives": objectives,
        "training": training,
        "loss": {"gate_steps": 0},
        "eval_prompts": 0,
        "output_dir": str(folder / f"run-{time.monotonic_ns()}"),
    }
    align(build_config(settings), callbacks=[clock])
    return clock.seconds_per_step()


if __name__ == "__main__":
    main()
