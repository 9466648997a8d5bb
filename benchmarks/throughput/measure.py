"""Set a workload up once, and measure sides on it, each in a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.throughput.sides import SIDES, Spec
from benchmarks.throughput.sizes import SIZES, save_model
from benchmarks.throughput.workloads import Shape, make_workload

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.throughput.workloads import Row

__all__ = ["Case", "measure", "read_measurements", "run_rounds"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is trained on what."""

    size: str
    shape: str
    steps: int
    skip: int
    batch_size: int = 4
    vocabulary: int = 32_000
    max_length: int = 2048
    threads: int = 2

    @property
    def folder(self) -> str:
        """A name under which the model and the rows are kept."""
        written = f"{self.size}-{self.vocabulary}-{self.shape}-{self.steps}x{self.batch_size}-{self.skip}"
        return written.replace("/", "-")

    def prepare(self, work: Path, human: Path | None) -> Path:
        """Write the model, its tokenizer and the rows in both orders, unless they are there."""
        folder = work / self.folder
        if (folder / "case.json").is_file():
            return folder
        workload = make_workload(
            Shape.parse(self.shape),
            vocabulary=self.vocabulary,
            count=self.steps * self.batch_size,
            warm_up=self.skip * self.batch_size,
            batch_size=self.batch_size,
            human=human,
        )
        tokenizer = workload.tokenizer
        save_model(SIZES[self.size], self.vocabulary, tokenizer.eos_token_id, tokenizer.pad_token_id, folder / "model")
        tokenizer.save_pretrained(folder / "model")
        for order, rows in workload.orders.items():
            _write(folder / f"{order}.jsonl", rows)
        tokens = {"prompt_tokens": workload.prompt_tokens, "response_tokens": workload.response_tokens}
        (folder / "case.json").write_text(json.dumps(asdict(self) | tokens), encoding="utf-8")
        return folder


def run_rounds(
    case: Case,
    groups: list[list[str]],
    rounds: int,
    output: Path,
    *,
    human: Path | None = None,
    settings: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    first: int | None = None,
) -> None:
    """Measure every side once per round, every other round backwards, and append each result to a file.

    Groups of sides come one after the other; the sides of a group run at once, step by step in turn.

    Rounds are numbered from ``first``; by default after those that the output folder holds. The first run of a side
    finds empty caches and pays for its whole preparation; later ones find what it left.
    """
    folder = case.prepare(output / "work", human)
    allocator = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}
    described = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    first = first or 1 + max((one["round"] for one in read_measurements(output)), default=0)
    for number in range(first, first + rounds):
        for group in groups if number % 2 else [group[::-1] for group in groups[::-1]]:
            for side, result in zip(group, measure(case, group, folder, settings or {}), strict=True):
                row = {
                    **described,
                    "allocator": allocator,
                    **(labels or {}),
                    "settings": settings or {},
                    "in_turn_with": [other for other in group if other != side],
                    "round": number,
                    "side": side,
                    **result,
                }
                with (output / "measurements.jsonl").open("a", encoding="utf-8") as opened:
                    opened.write(json.dumps(row) + "\n")
                print(
                    f"round {number}, {case.size}, {case.shape}, {SIDES[side].title}: "
                    f"{row['pairs_per_second']:.2f} pairs/s, {row['growth_mb']:.0f} MB over the loaded process"
                    f"{', cached' if row['cached'] else ''}",
                    flush=True,
                )


def measure(case: Case, sides: list[str], folder: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Run every side in a fresh process, and say whether its caches were filled before.

    Several sides run at once and give each other the turn after every step, so that a machine that is fast for a while
    is fast for all; what one holds in memory stays while the others compute.
    """
    cached = [(folder / "caches" / side).is_dir() for side in sides]
    pipes = [os.pipe() for _ in sides]
    os.write(pipes[0][1], b".")
    with tempfile.TemporaryDirectory() as name:
        running = [
            _start(case, side, folder, Path(name) / side, settings, (pipes[at][0], pipes[(at + 1) % len(sides)][1]))
            for at, side in enumerate(sides)
        ]
        for end in itertools.chain.from_iterable(pipes):
            os.close(end)
        codes = [process.wait() for process in running]
        for side, code in zip(sides, codes, strict=True):
            if code:
                complaint = (Path(name) / side / "stderr").read_text(encoding="utf-8", errors="replace")
                raise SystemExit(f"{SIDES[side].title} failed:\n{complaint[-3000:]}")
        results = [json.loads((Path(name) / side / "result.json").read_text(encoding="utf-8")) for side in sides]
    return [result | {"cached": before} for result, before in zip(results, cached, strict=True)]


def _start(
    case: Case, side: str, folder: Path, scratch: Path, settings: dict[str, Any], pipe: tuple[int, int]
) -> subprocess.Popen[bytes]:
    spec = Spec(
        side=side,
        model=str(folder.resolve() / "model"),
        rows=str(folder.resolve() / f"{SIDES[side].order}.jsonl"),
        output=str(scratch / "run"),
        batch_size=case.batch_size,
        max_length=case.max_length,
        skip=case.skip,
        threads=case.threads,
        settings=settings,
    )
    scratch.mkdir()
    (scratch / "spec.json").write_text(json.dumps(spec.as_dict()), encoding="utf-8")
    with (scratch / "stderr").open("wb") as complaint:  # a full pipe would stop a side that has the turn
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "benchmarks.throughput.worker", "spec.json", "result.json", *map(str, pipe)],
            cwd=scratch,
            env=_environment(folder / "caches" / side, case.threads),
            stdout=subprocess.DEVNULL,
            stderr=complaint,
            pass_fds=pipe,
        )


def _environment(caches: Path, threads: int) -> dict[str, str]:
    """Return the same environment for both sides; nothing is fetched."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(caches.resolve() / "datasets"),
        "UPO_CACHE_DIR": str(caches.resolve() / "upo"),
        "TQDM_DISABLE": "1",
    }


def _write(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_measurements(output: Path) -> list[dict[str, Any]]:
    """Return all that was measured into a folder."""
    path = output / "measurements.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
