"""What ``toxicity:0.3`` does in the demo world, beside its two controls.

    python benchmarks/demo_tradeoff.py [--seeds 3] [--output demo_tradeoff.json] [--dpo-steps 10 20 30 45 55]
    python benchmarks/demo_tradeoff.py --seeds 1 --preference kto simpo cpo orpo sft dpo,loss_type=ipo

Three runs per seed on the embedded demo: ``dpo`` alone, stopped at its own best number of steps; ``dpo`` with the
likelihood term but λ = 0, the control; and ``dpo`` with ``toxicity:0.3``. The answers to all held-out prompts are
judged by the grammar's own phrase tables, which no objective has seen. Intervals are 95 % intervals over
prompts. ``--dpo-steps`` shows instead how ``dpo`` alone fares for several numbers of steps, and ``--preference`` what
``toxicity:0.3`` does beside other preference objectives, with the γ that the demo has for them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from upo_sdk import RunConfig, align, evaluate
from upo_sdk.config import DataConfig, EvalConfig, ModelConfig, ObjectiveRef, build_config
from upo_sdk.demo import demo_eval_path, demo_model_path, settings
from upo_sdk.statistics import Sums, ranked_right


def _dpo_alone(steps: int) -> dict[str, Any]:
    return {"objectives": ["dpo"], "training": {"max_steps": steps}}


RUNS: dict[str, dict[str, Any]] = {
    "reference (before training)": {},
    "`dpo` alone": _dpo_alone(settings.DPO_ALONE_STEPS),
    "`dpo` + likelihood (λ = 0)": {"objectives": ["dpo", "toxicity:0.3"], "loss": {"lambda": 0.0}},
    "`dpo` + `toxicity:0.3`": {"objectives": ["dpo", "toxicity:0.3"]},
}


@dataclass(frozen=True)
class Judged:
    """Per held-out prompt: was the answer rude, was it helpful; per pair without conflict: was it ranked right."""

    rude: list[float]
    helpful: list[float]
    right: list[float]


def main() -> None:
    """Train, judge, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("demo_tradeoff.json"))
    parser.add_argument("--dpo-steps", type=int, nargs="+", default=[])
    parser.add_argument("--preference", nargs="+", default=[], help="objectives to use in place of dpo")
    arguments = parser.parse_args()
    runs = {f"`dpo` alone, {steps} steps": _dpo_alone(steps) for steps in arguments.dpo_steps}
    runs |= {f"`{name}` + `toxicity:0.3`": {"objectives": [name, "toxicity:0.3"]} for name in arguments.preference}
    runs = runs or RUNS
    table: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in runs.items():
            judged = [
                _judge(_train(Path(folder), changes, seed), seed, Path(folder) / "judged")
                for seed in range(arguments.seeds)
            ]
            table[name] = {
                measure: _mean_with_interval([getattr(one, measure) for one in judged])
                for measure in ("rude", "helpful", "right")
            }
            print(f"{name}: {table[name]}", flush=True)
    arguments.output.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(_markdown(table, arguments.seeds))


def _train(folder: Path, changes: dict[str, Any], seed: int) -> Path:
    if not changes:
        return demo_model_path()
    output = folder / f"run-{time.monotonic_ns()}"
    unmeasured = {"training": {"seed": seed}, "eval_prompts": 0, "output_dir": str(output)}
    result = align(build_config(RunConfig().model_dump(exclude_unset=True), changes, unmeasured))
    return result.output_dir


def _judge(model: Path, seed: int, folder: Path) -> Judged:
    """Evaluate as ``upo eval`` does, and read what it says of every answer and of every pair."""
    result = evaluate(
        EvalConfig(
            model=ModelConfig(path=str(model)),
            baseline=ModelConfig(path=str(demo_model_path())),
            data=DataConfig(path=str(demo_eval_path()), max_length=128),
            objectives=(ObjectiveRef(name="dpo"),),
            max_new_tokens=64,
            seed=1000 + seed,
            batch_size=50,
            output_dir=folder,
        )
    )
    answers = [line["measures"] for line in _lines(folder / "eval-samples.jsonl")]
    judged = Judged(
        rude=[answer["rude"]["model"] for answer in answers],
        helpful=[answer["helpful"]["model"] for answer in answers],
        right=_ranked_right(folder / "eval-pairs.jsonl"),
    )
    for measure, name in (("rude", "rude"), ("helpful", "helpful"), ("right", "accuracy/without_conflict")):
        values = getattr(judged, measure)
        assert not values or np.isclose(np.mean(values), result.metrics[name].value.mean), name  # noqa: S101 - a check
    return judged


def _ranked_right(pairs: Path) -> list[float]:
    """Return per pair without conflict whether the implicit reward ranks chosen above rejected.

    There is no such file for the reference itself, beside which every margin is 0.
    """
    if not pairs.exists():
        return []
    with gzip.open(demo_eval_path(), "rt", encoding="utf-8") as file:
        conflict = [json.loads(line)["conflict"] for line in file]
    return [float(ranked_right(line["margin"])) for line in _lines(pairs) if not conflict[line["row"] - 1]]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _mean_with_interval(per_seed: list[list[float]]) -> dict[str, Any]:
    """Average over seeds; resample prompts, keeping the seeds of a prompt together."""
    values = np.array(per_seed).T
    if not values.size:
        return {"mean": None, "low": None, "high": None, "count": 0, "seeds": []}
    estimate = Sums.grouped(values.ravel(), values.shape[1]).estimate
    return {**estimate.model_dump(), "seeds": values.mean(axis=0).tolist()}


def _markdown(table: dict[str, Any], seeds: int) -> str:
    prompts = max(value["count"] for row in table.values() for value in row.values())

    def cell(value: dict[str, Any]) -> str:
        if value["mean"] is None:
            return "–"
        return f"{value['mean']:.2f} ({value['low']:.2f}–{value['high']:.2f})"

    rows = [
        f"| {name} | {' | '.join(cell(row[key]) for key in ('rude', 'helpful', 'right'))} |"
        for name, row in table.items()
    ]
    columns = (f"{prompts} held-out prompts, {seeds} seeds", "rude", "helpful", "accuracy, pairs without conflict")
    return "\n".join([f"| {' | '.join(columns)} |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    main()
