"""The plan's estimate of memory against what runs take: ``python -m benchmarks.memory [CASE ...]``.

Every case is a whole run in a process of its own, on a CPU: tokens, reference log-probs, training, the saved model.
What is measured is the growth of the peak of resident memory over a process that has already trained a small model, so
that libraries do not count. The estimate is that of the plan of the same run, made before anything is loaded.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks.throughput.sizes import SIZES, save_model
from benchmarks.throughput.workloads import Shape, make_workload

if TYPE_CHECKING:
    from upo_sdk.events import Event
    from upo_sdk.plan import RunPlan

ROOT = Path(__file__).parents[1]
STEPS = 3
VOCABULARY = 16_000
MEGABYTE = 1e6


@dataclass(frozen=True)
class Case:
    """What is trained: a size and PROMPT/RESPONSE tokens, pairs per batch, and settings beside the defaults."""

    size: str
    shape: str
    pairs: int = 4
    training: dict[str, Any] = field(default_factory=dict[str, Any])
    model: dict[str, Any] = field(default_factory=dict[str, Any])
    lora: dict[str, Any] = field(default_factory=dict[str, Any])
    objectives: tuple[str, ...] = ("dpo",)

    def __str__(self) -> str:
        settings = {**self.model, **self.training, **self.lora}
        named = (f"{key}={value}".lower() for key, value in settings.items())
        return " ".join((self.size, self.shape, f"x{self.pairs}", *named, *self.objectives[1:]))


SGD = {"optim": "sgd"}
LEAN = {"gradient_checkpointing": True}
LORA = {"use_peft": True}
CASES = [
    Case("1M", "256/64", 16),
    Case("1M", "1024/128", 8),
    Case("20M", "256/64"),
    Case("20M", "64/256", 8),
    Case("20M", "1024/256", 2),
    Case("20M", "256/64", 8, SGD),
    Case("20M", "256/64", 8, {"optim": "adafactor"}),
    Case("20M", "1024/256", 4, LEAN),
    Case("20M", "256/64", 8, {"layout": "separate"}),
    Case("20M", "256/64", 4, {"layout": "padded"}),
    Case("20M", "256/64", 4, {"layout": "single"}),
    Case("20M", "256/64", 8, {"cpu_kernels": "off"}),
    Case("20M", "256/64", 8, {"bf16": True}),
    Case("20M", "256/64", 8, {"learning_rate": 1e-3}, {"dtype": "bfloat16"}),
    Case("20M", "256/64", 8, {"gradient_accumulation_steps": 2}, objectives=("dpo", "length:0.1,target=60")),
    Case("100M", "64/32", 2),
    Case("100M", "256/64", 4),
    Case("100M", "512/128", 4, {**LEAN, **SGD}),
    Case("20M", "512/128", 8, lora=LORA),
    Case("100M", "256/64", 4, lora=LORA),
    Case("100M", "512/128", 4, LEAN, lora=LORA),
]


def main() -> None:
    """Measure every case whose name has all the words that are given, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose name has all of these")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(_measure(CASES[arguments.case], arguments.folder)))
        return
    print("| case | estimated, MB | measured, MB | error |\n|---|---|---|---|")
    for number, case in enumerate(CASES):
        if all(word in str(case) for word in arguments.words):
            found = _in_a_process(number)
            error = found["estimated"] / found["measured"] - 1
            print(f"| {case} | {found['estimated']:,.0f} | {found['measured']:,.0f} | {error:+.0%} |", flush=True)


def _in_a_process(case: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        own = {
            "PYTHONPATH": str(ROOT),
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_CACHE": f"{folder}/datasets",
            "UPO_CACHE_DIR": f"{folder}/upo",
            "TQDM_DISABLE": "1",
        }
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.memory", "--case", str(case), "--folder", folder],
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{CASES[case]} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


class _Peaks:
    """Keeps the estimate of the plan, and the peak of resident memory in every phase of the run."""

    def __init__(self) -> None:
        self.estimated = 0
        self.peaks = dict[str, float]()
        self._phase = "plan"

    def on_event(self, event: Event, /) -> None:
        from upo_sdk.events import PlanReady, Progress

        if isinstance(event, PlanReady):
            self.estimated = cast("RunPlan", event.plan).memory.total
        self.note()
        self._phase = event.task if isinstance(event, Progress) else type(event).__name__

    def note(self) -> None:
        self.peaks[self._phase] = max(_peak(), self.peaks.get(self._phase, 0))
        _forget_peak()


def _measure(case: Case, folder: Path) -> dict[str, float]:
    """Run the case here, after a run of the demo."""
    from upo_sdk import align
    from upo_sdk.config import build_config

    workload = make_workload(
        Shape.parse(case.shape),
        vocabulary=VOCABULARY,
        count=STEPS * case.pairs * case.training.get("gradient_accumulation_steps", 1),
        warm_up=0,
        batch_size=case.pairs,
        human=None,
    )
    model, rows = folder / "model", folder / "rows.jsonl"
    tokenizer: Any = workload.tokenizer  # whose ids have no one type
    save_model(SIZES[case.size], VOCABULARY, tokenizer.eos_token_id, tokenizer.pad_token_id, model)
    tokenizer.save_pretrained(model)
    rows.write_text("".join(json.dumps(row) + "\n" for row in workload.orders["shuffled"]), encoding="utf-8")
    small = {"training": {"max_steps": 2}, "eval_prompts": 0, "output_dir": str(folder / "demo")}
    align(build_config(small))
    settings = {
        "model": {"path": str(model), **case.model},
        "data": {"path": str(rows), "max_length": 2048},
        "objectives": list(case.objectives),
        "loss": {"gate_steps": 0},
        "training": {"per_device_train_batch_size": case.pairs, "logging_steps": 1, **case.training},
        "eval_prompts": 0,
        "output_dir": str(folder / "run"),
        **({"lora": case.lora} if case.lora else {}),
    }
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    _forget_peak()
    before, peaks = _peak(), _Peaks()
    align(build_config(settings), callbacks=[peaks])
    peaks.note()
    found = {name: (peak - before) / MEGABYTE for name, peak in peaks.peaks.items()}
    print({name: round(value) for name, value in found.items()}, file=sys.stderr)
    return {"estimated": peaks.estimated / MEGABYTE, "measured": max(found.values())}


def _peak() -> int:
    """Return the most bytes that were resident since :func:`_forget_peak`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main()
