"""How many pairs a second are tokenised: by us, by one batched call of the tokenizer, and by TRL, in turn.

    python -m benchmarks.tokenising --data pairs.jsonl [--rounds 5] [--tokenizer FOLDER]

``--data`` has prompt, chosen and rejected per line. Without ``--tokenizer``, a byte-level BPE of 32,000 is trained on
it. Each of the three begins with empty caches and a newly read tokenizer. Ours takes the rows to files of token ids,
checked and truncated; the call returns the ids of every prompt, and of every prompt with each response, and nothing
else; TRL's is what building its ``DPOTrainer`` takes longer than with two rows. Ratios are taken inside rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.throughput.measure import Case

if TYPE_CHECKING:
    from collections.abc import Callable

_ALL = 10**9
_MAX_LENGTH = 2048
_ROWS, _TWO = "shuffled.jsonl", "two.jsonl"


def main() -> None:
    """Measure in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["HF_DATASETS_CACHE"] = str(Path(name) / "datasets")  # read when datasets is imported
        folder = _prepare(Path(name), options.data, options.tokenizer)
        rows = len((folder / _ROWS).read_text(encoding="utf-8").splitlines())
        sides: dict[str, Callable[[Path], float]] = {"ours": _ours, "one call": _call, "TRL": _trl}
        rates: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(options.rounds):
            order = list(sides)[turn % 3 :] + list(sides)[: turn % 3]
            for side in order:
                rates[side].append(rows / sides[side](folder))
    print(f"{rows:,} pairs, {options.rounds} rounds in turn\n")
    print(f"{'':10} {'pairs/s (range)':>24}   ours is faster by (range)")
    for side, found in rates.items():
        ratios = [own / other for own, other in zip(rates["ours"], found, strict=True)]
        print(f"{side:10} {_spread(found, '6,.0f')} {_spread(ratios, '6.2f')}")


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _prepare(work: Path, data: Path, tokenizer: Path | None) -> Path:
    """Return a folder with the rows, two of them, their tokenizer and a tiny model."""
    from transformers import AutoTokenizer

    folder = Case(size="1M", shape="human", steps=_ALL, skip=0, batch_size=1).prepare(work, data)
    if tokenizer:
        AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder / "model")
    with (folder / _ROWS).open(encoding="utf-8") as rows:
        (folder / _TWO).write_text("".join(itertools.islice(rows, 2)), encoding="utf-8")
    return folder


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder / "model")


def _ours(folder: Path) -> float:
    from upo_sdk.config import DataConfig
    from upo_sdk.data import load_preference_data, tokenize

    data, tokenizer = load_preference_data(DataConfig(path=str(folder / _ROWS))).train, _tokenizer(folder)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["UPO_CACHE_DIR"] = cache
        started = time.perf_counter()
        tokenize(data, tokenizer, max_length=_MAX_LENGTH, max_prompt_length=None)
        return time.perf_counter() - started


def _call(folder: Path) -> float:
    rows = [json.loads(line) for line in (folder / _ROWS).read_text(encoding="utf-8").splitlines()]
    texts = [row["prompt"] + row.get(response, "") for response in ("", "chosen", "rejected") for row in rows]
    tokenizer = _tokenizer(folder)
    started = time.perf_counter()
    tokenizer(texts)
    return time.perf_counter() - started


def _trl(folder: Path) -> float:
    return _built(folder, _ROWS) - _built(folder, _TWO)


def _built(folder: Path, name: str) -> float:
    import datasets
    from trl import DPOConfig, DPOTrainer

    data, tokenizer = (
        datasets.load_dataset("json", data_files=str(folder / name))["train"],
        _tokenizer(folder),
    )
    arguments = DPOConfig(output_dir=str(folder / "trl"), max_length=_MAX_LENGTH, use_cpu=True, report_to="none")
    datasets.disable_caching()
    datasets.disable_progress_bars()
    started = time.perf_counter()
    DPOTrainer(model=str(folder / "model"), args=arguments, train_dataset=data, processing_class=tokenizer)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
