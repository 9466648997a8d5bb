"""From typing ``upo train`` to its first optimizer step, with the caches filled: where the time goes.

    python benchmarks/start_up.py [--rounds 3] [-- OPTIONS OF upo train]

Every round is a new process. ``imports`` is the time spent in import statements, wherever they are; the other lines are
what their part takes beside that. The median over rounds is printed. Without options the embedded demo is trained.
Last, ``upo --help`` against the import of typer, pydantic and pluggy, in turn, ten times each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PARTS = {
    "plan: data": "upo_sdk.plan.run_plan:load_preference_data",
    "plan: model configuration": "upo_sdk.plan.run_plan:load_model_config",
    "plan: counting parameters": "upo_sdk.plan.run_plan:count_parameters",
    "training arguments": "upo_sdk.run:training_arguments",
    "tokenizer": "upo_sdk.training.prepare:load_tokenizer",
    "tokenising": "upo_sdk.training.prepare:DataPreparation.tokenize",
    "loading the model": "upo_sdk.policy.load_policy:load_language_model",
    "checking the layout": "upo_sdk.policy.load_policy:choose_layout",
    "hash of the weights": "upo_sdk.training.prepare:weights_sha256",
    "scores": "upo_sdk.training.prepare:DataPreparation.score",
    "rows and reference log-probs": "upo_sdk.training.prepare:DataPreparation.rows",
    "building the trainer": "upo_sdk.run:build_trainer",
}

_CHILD = """
import time
begun = time.perf_counter()
import builtins, functools, importlib, json, os, sys
taken, importing = {}, [0.0, 0]

def while_importing(importer):
    def call(*arguments, **named):
        if importing[1]:
            return importer(*arguments, **named)
        importing[1], start = 1, time.perf_counter()
        try:
            return importer(*arguments, **named)
        finally:
            importing[1] = 0
            importing[0] += time.perf_counter() - start

    return call

builtins.__import__ = while_importing(builtins.__import__)
importlib.import_module = while_importing(importlib.import_module)

def timed(name, function):
    @functools.wraps(function)
    def call(*arguments, **named):
        start, imported = time.perf_counter(), importing[0]
        try:
            return function(*arguments, **named)
        finally:
            spent = time.perf_counter() - start - (importing[0] - imported)
            taken[name] = taken.get(name, 0) + spent
    return call

from upo_cli.main import main
import upo_sdk.plan, upo_sdk.run
for name, target in json.loads(os.environ["PARTS"]).items():
    module, _, path = target.partition(":")
    owner = sys.modules[module]
    *parents, leaf = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, leaf, timed(name, getattr(owner, leaf)))

from upo_sdk.training.trainer import UPOTrainer

def first_step(self, *arguments, **named):
    total = time.perf_counter() - begun
    taken["imports"] = importing[0]
    taken["everything else"] = total - sum(taken.values())
    with open(os.environ["REPORT"], "w") as file:
        json.dump({**taken, "until the first step": total}, file)
    os._exit(0)

UPOTrainer.training_step = first_step
main(["train", *sys.argv[1:]])
"""


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("options", nargs="*", default=[])
    arguments = parser.parse_args()
    options = arguments.options or ["-o", "toxicity:0.3", "-o", "lexical:0.05", "-o", "length:0.1,target=20"]
    with tempfile.TemporaryDirectory() as folder:
        rounds = [_measure(Path(folder), number, options) for number in range(arguments.rounds + 1)][1:]
    for name in dict.fromkeys(name for taken in rounds for name in taken):
        print(f"{statistics.median(taken.get(name, 0.0) for taken in rounds):7.2f} s  {name}")
    pairs = [(_seconds("-m", "upo_cli", "--help"), _seconds("-c", "import typer, pydantic, pluggy")) for _ in range(10)]
    shown, imported = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"{shown:7.3f} s  upo --help, {shown / imported:.2f} times the import of typer, pydantic and pluggy")


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    return time.perf_counter() - start


def _measure(folder: Path, number: int, options: list[str]) -> dict[str, float]:
    report = folder / f"{number}.json"
    environment = {"UPO_CACHE_DIR": str(folder / "cache"), "PARTS": json.dumps(PARTS), "REPORT": str(report)}
    settings = [*options, "--eval_prompts", "0", "--quiet", "--output_dir", str(folder / f"run-{number}")]
    command = [sys.executable, "-c", _CHILD, *settings]
    process = {**os.environ, **environment}
    subprocess.run(command, check=True, env=process, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
    taken: dict[str, float] = json.loads(report.read_text(encoding="utf-8"))
    return taken


if __name__ == "__main__":
    main()
