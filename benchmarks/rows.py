"""How the time and the memory of a whole run grow with the number of rows.

    python benchmarks/rows.py [--rows 1000 3000 10000 30000 100000] [--epochs 1]

Every size is a process of its own with an empty cache: it first aligns a tiny model on 200 pairs, so that imports and
warm-up are not counted, then on the given number of short, distinct pairs (one epoch, batches of 64, no answers before
and after), and notes the seconds of every part of the run and the growth of its memory: private memory (what the
process itself holds) and the whole resident set (which counts pages of mapped files too). ``again`` is the time
until the plan of a second run on the same file is ready. With ``--epochs 0.05`` all rows are checked, scored and given
reference log-probs, and a twentieth of them is trained on: so a million rows end sooner. The log-log slope of the
seconds over the rows is 1 where the time per pair is constant; what ends a run (saving, and drawing the report) takes
as long for any number of rows, and has a column of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from upo_sdk.events import Event

PARTS = ("load", "prepare", "train", "finish", "again")


def main() -> None:
    """Measure every size, print a table and the slopes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000, 100_000])
    parser.add_argument("--epochs", type=float, default=1, help="how often every row is trained on")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(_measure(options.rows[0], options.epochs)))
        return
    found = [_in_a_process(rows, options.epochs) for rows in options.rows]
    print(" " * 8 + "".join(f"{part + ' s':>10}" for part in PARTS) + "     all s  ms/pair  private MB  resident MB")
    for rows, one in zip(options.rows, found, strict=True):
        total = sum(one[part] for part in PARTS[:-1])
        times = "".join(f"{seconds:10.2f}" for seconds in (*(one[part] for part in PARTS), total))
        print(f"{rows:8,}{times} {1000 * total / rows:8.3f} {one['private_mb']:11.1f} {one['resident_mb']:12.1f}")
    if len(found) > 1:
        for parts in (*((part,) for part in PARTS), PARTS[:-2], PARTS[:-1]):
            seconds = [sum(one[part] for part in parts) for one in found]
            slope = np.polyfit(np.log(options.rows), np.log(seconds), 1)[0]
            print(f"slope of {' + '.join(parts)}: {slope:.3f}")


def _in_a_process(rows: int, epochs: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--one", "--rows", str(rows), "--epochs", str(epochs)]
        done = subprocess.run(  # noqa: S603 - this script
            command, env=os.environ | {"UPO_CACHE_DIR": folder}, check=True, capture_output=True, text=True
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _measure(rows: int, epochs: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _align(folder / "warm-up", 200, epochs)
        before = _memory()
        peak = dict(before)
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(0.05):
                peak.update({key: max(peak[key], value) for key, value in _memory().items()})

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            seconds = _align(folder / "run", rows, epochs)
        finally:
            stop.set()
            watcher.join()
    return seconds | {f"{key}_mb": (peak[key] - before[key]) / 1024 for key in before}


def _memory() -> dict[str, int]:
    """Return the memory of this process in KiB (Linux)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"private": int(lines["RssAnon"].split()[0]), "resident": int(lines["VmRSS"].split()[0])}


class _Clock:
    """Notes when the plan was ready, when training was about to begin, and when it had ended."""

    def __init__(self) -> None:
        self.planned = self.scored = self.trained = 0.0

    def on_event(self, event: Event, /) -> None:
        from upo_sdk.events import TRAINING, PlanReady, Progress

        if isinstance(event, PlanReady):
            self.planned = time.perf_counter()
        if isinstance(event, Progress) and event.task == TRAINING:
            self.trained = time.perf_counter()
        elif isinstance(event, Progress):
            self.scored = time.perf_counter()  # the last one is that of the reference pass


def _align(folder: Path, rows: int, epochs: float) -> dict[str, float]:
    from upo_sdk import align
    from upo_sdk.config import build_config
    from upo_sdk.plugin.registry import load_registry
    from upo_sdk.run import plan_run

    folder.mkdir()
    data, clock = folder / "pairs.jsonl", _Clock()
    with data.open("w") as file:
        file.writelines(
            json.dumps({"prompt": f"Question {n}? ", "chosen": f"yes, {n} it is", "rejected": f"no, not {n}"}) + "\n"
            for n in (" ".join(f"{number:06}") for number in range(rows))  # few words, as in a language
        )
    os.utime(data, (time.time() - 60,) * 2)  # a file that changed just now is not remembered
    model = folder / "model"
    _save_model(model)
    config = build_config(
        {
            "model": {"path": str(model)},
            "data": {"path": str(data), "max_length": 64},
            "objectives": ["dpo", "toxicity:0.3,model=builtin", "lexical:0.05", "length:0.1,target=20"],
            "training": {
                "per_device_train_batch_size": 64,
                "per_device_eval_batch_size": 64,
                "num_train_epochs": epochs,
            },
            "eval_prompts": 0,
            "output_dir": str(folder / "out"),
        }
    )
    started = time.perf_counter()
    align(config, callbacks=[clock])
    ended = time.perf_counter()
    again = config.model_copy(update={"output_dir": folder / "again"})
    plan_run(again, load_registry(config.plugins))
    times = (started, clock.planned, clock.scored, clock.trained, ended, time.perf_counter())
    return {part: end - begin for part, (begin, end) in zip(PARTS, pairwise(times), strict=True)}


def _save_model(folder: Path) -> None:
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from upo_sdk.demo import demo_model_path

    tokenizer = AutoTokenizer.from_pretrained(demo_model_path())
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main()
