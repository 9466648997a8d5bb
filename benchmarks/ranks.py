"""How far the weights of several processes are from those of one, by engine, processes and objective.

    python -m benchmarks.ranks [--steps 20] [--folder FOLDER]

Trains the demo's model on the CPU with batches of 8 rows, however many processes share them. FSDP2 runs through the
shim of the tests, which admits a CPU to it. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

import upo_cli

_SUPPORT = Path(__file__).parents[1] / "tests" / "support"
_CONFIGS = Path(upo_cli.__file__).parent / "accelerate"
_BATCH = 8
_OBJECTIVES = {
    "dpo + length, learned baseline": ("-o", "dpo", "-o", "length:0.5,target=8", "--baseline", "value"),
    "kto": ("-o", "kto"),
    "dpo + length, LoRA": ("-o", "dpo", "-o", "length:0.5,target=8", "--use_peft", "--lora_r", "8"),
}


@dataclass(frozen=True)
class Engine:
    """One way to start processes."""

    name: str
    processes: int

    def train(self, folder: Path, steps: int) -> str | None:
        """Train with all objectives in one launch; return the last line of what went wrong."""
        script = "launched_fsdp.py" if self.name == "fsdp2" else "launched.py"
        launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"]
        launcher += ["--config_file", str(_CONFIGS / f"{self.name}.yaml"), "--num_processes", str(self.processes)]
        commands = [self._command(arguments, folder / name, steps) for name, arguments in _OBJECTIVES.items()]
        ended = subprocess.run(  # noqa: S603 - our own code
            [*launcher, str(_SUPPORT / script), json.dumps(commands)], capture_output=True, text=True, check=False
        )
        errors = [line for line in ended.stderr.splitlines() if "rror: " in line]
        return (errors or ["failed"])[0] if ended.returncode else None

    def _command(self, objective: tuple[str, ...], folder: Path, steps: int) -> list[str]:
        rows = ("--per_device_train_batch_size", str(_BATCH // self.processes), "--per_device_eval_batch_size", "64")
        fixed = ("--max_steps", str(steps), "--gate_steps", "1", "--warmup_steps", "0", "--learning_rate", "1e-4")
        place = ("--output_dir", str(folder), "--eval_prompts", "0", "--set", "training.arguments.use_cpu=true", "-q")
        return ["train", *objective, *rows, *fixed, *place]


def difference(one: Path, other: Path) -> float:
    """Return the largest difference of two saved models or adapters."""
    first, second = (load_file(next(folder.glob("*model.safetensors"))) for folder in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def main() -> None:
    """Train and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp())
    alone = folder / "alone"
    if failed := Engine("ddp", 1).train(alone, arguments.steps):
        sys.exit(failed)
    print("| engine | processes | objective | largest difference |\n|---|---|---|---|")
    for engine in (Engine("ddp", 2), Engine("ddp", 4), Engine("fsdp2", 2)):
        place = folder / f"{engine.name}-{engine.processes}"
        failed = engine.train(place, arguments.steps)
        for name in _OBJECTIVES:
            done = (place / name / "run.json").is_file() and any((place / name).glob("*model.safetensors"))
            shown = f"{difference(alone / name, place / name):.0e}" if done else failed
            print(f"| {engine.name} | {engine.processes} | {name} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
