"""How many rows a second `upo score` labels, here and on Ray, and how its memory grows with the rows.

    python -m benchmarks.corpus [--rows 5000] [--objective toxicity,model=builtin]
    python -m benchmarks.corpus --memory [--largest 100000]

Every command is a process of its own with an empty cache. Rates are of the whole command and of its scoring alone: from
the first batch that is scored to the last, without the start of the workers. Memory is the peak resident
size of the process, with the objective ``length``; its slope is that of a straight line through the logarithms.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import linear_regression
from typing import IO, cast

_WORDS = (
    "the",
    "router",
    "restarts",
    "please",
    "hold",
    "button",
    "light",
    "thanks",
    "you",
    "stupid",
    "idiot",
    "manual",
)
_ENGINES = {"local": [], "Ray, 1 worker": ["--engine", "ray", "--workers", "1"]}
_ENGINES["Ray, 2 workers"] = ["--engine", "ray", "--workers", "2"]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--objective", default="toxicity,model=builtin")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--largest", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            _print_memory(Path(folder), options.largest)
        else:
            _print_rates(Path(folder), options.rows, options.objective)


def _print_rates(folder: Path, rows: int, objective: str) -> None:
    corpus = _write(folder, rows)
    print(f"{rows:,} rows with {objective}\n\n{'':15} {'rows/s':>8} {'rows/s of scoring':>18}")
    for name, arguments in _ENGINES.items():
        if "ray" in arguments and find_spec("ray") is None:
            print(f"{name:15} Ray is not installed")
            continue
        seconds, rate, _ = _score(folder, corpus, objective, arguments)
        print(f"{name:15} {rows / seconds:8,.0f} {rate:18,.0f}")


def _print_memory(folder: Path, largest: int) -> None:
    sizes = [rows for rows in (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000) if rows <= largest]
    peaks = [_score(folder, _write(folder, rows), "length,target=60", [])[2] for rows in sizes]
    for rows, peak in zip(sizes, peaks, strict=True):
        print(f"{rows:9,} rows {peak:7,.0f} MiB")
    slope = linear_regression([*map(math.log, sizes)], [*map(math.log, peaks)]).slope
    print(f"slope of the logarithms: {slope:.3f}")


def _write(folder: Path, rows: int) -> Path:
    path, drawn = folder / f"{rows}.jsonl", random.Random(0)  # noqa: S311 - texts, not secrets
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            completion = " ".join(drawn.choices(_WORDS, k=drawn.randint(20, 120)))
            file.write(json.dumps({"prompt": f"question {number}", "completion": completion}) + "\n")
    return path


def _score(folder: Path, corpus: Path, objective: str, arguments: list[str]) -> tuple[float, float, float]:
    """Return the seconds of a command, completions a second of its scoring, and the MiB of its peak."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, "-m", "upo_cli", "score", str(corpus), "--objective", objective, *arguments]
        command += ["--output", str(Path(work) / "scored.jsonl"), "--log_format", "jsonl"]
        environment = {**os.environ, "UPO_CACHE_DIR": str(Path(work) / "cache")}
        started, scored = time.perf_counter(), list[tuple[float, int]]()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)  # noqa: S603 - ours
        for line in cast("IO[bytes]", process.stderr):
            event = json.loads(line) if line.startswith(b"{") else {}
            if event.get("unit") == "completions" and event["done"]:
                scored.append((time.perf_counter(), event["done"]))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        (first, done), (last, total) = scored[0], scored[-1]
        rate = (total - done) / (last - first) if total > done else math.nan
        return time.perf_counter() - started, rate, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
