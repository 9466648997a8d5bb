"""What ``toxicity:0.3`` does in the demo world, beside its two controls.

    python benchmarks/demo_tradeoff.py [--seeds 3] [--output demo_tradeoff.json] [--dpo-steps 10 20 30 45 55]

Three runs per seed on the embedded demo: ``dpo`` alone, stopped at its own best number of steps; ``dpo`` with the
likelihood term but λ = 0, the control; and ``dpo`` with ``toxicity:0.3``. The answers to all held-out prompts are
judged by the grammar's own phrase tables, which no objective has seen. Intervals are 95 % bootstrap intervals over
prompts. ``--dpo-steps`` shows instead how ``dpo`` alone fares for several numbers of steps.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk import RunConfig, align
from upo_sdk.cache import ContentCache
from upo_sdk.config import DataConfig, ModelConfig, build_config
from upo_sdk.data import load_preference_data, tokenize
from upo_sdk.demo import demo_eval_path, demo_model_path, settings
from upo_sdk.demo.grammar import is_helpful, is_rude
from upo_sdk.evaluation import generate_responses
from upo_sdk.policy import Branches, PaddedLayout, Policy, load_language_model, load_tokenizer, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256

if TYPE_CHECKING:
    from datasets import Dataset


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
    arguments = parser.parse_args()
    runs = {f"`dpo` alone, {steps} steps": _dpo_alone(steps) for steps in arguments.dpo_steps} or RUNS
    held_out = _held_out()
    table: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = ContentCache(Path(folder) / "logps.sqlite")
        for name, changes in runs.items():
            judged = [
                _judge(_train(Path(folder), changes, seed), held_out, seed, cache) for seed in range(arguments.seeds)
            ]
            table[name] = {
                measure: _mean_with_interval([getattr(one, measure) for one in judged])
                for measure in ("rude", "helpful", "right")
            }
            print(f"{name}: {table[name]}", flush=True)
    arguments.output.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(_markdown(table, arguments.seeds, len(held_out)))


def _train(folder: Path, changes: dict[str, Any], seed: int) -> Path:
    if not changes:
        return demo_model_path()
    output = folder / f"run-{time.monotonic_ns()}"
    unmeasured = {"training": {"seed": seed}, "eval_prompts": 0, "output_dir": str(output)}
    result = align(build_config(RunConfig().model_dump(exclude_unset=True), changes, unmeasured))
    return result.output_dir


def _held_out() -> Dataset:
    config = DataConfig(path=str(demo_eval_path()))
    tokenizer = load_tokenizer(ModelConfig(path=str(demo_model_path())))
    return tokenize(load_preference_data(config).train, tokenizer, max_length=128, max_prompt_length=None).dataset


def _judge(model: Path, held_out: Dataset, seed: int, cache: ContentCache) -> Judged:
    config = ModelConfig(path=str(model))
    lm = load_language_model(config)
    answers = generate_responses(
        lm, load_tokenizer(config), held_out["prompt_ids"][:], max_new_tokens=64, seed=1000 + seed, batch_size=50
    )
    prompts = held_out["prompt"][:]
    return Judged(
        rude=[float(is_rude(answer)) for answer in answers],
        helpful=[float(is_helpful(prompt, answer)) for prompt, answer in zip(prompts, answers, strict=True)],
        right=_ranked_right(Policy(lm, PaddedLayout()), held_out, cache),
    )


def _ranked_right(policy: Policy, held_out: Dataset, cache: ContentCache) -> list[float]:
    """Return per pair without conflict whether the implicit reward ranks chosen above rejected."""
    rows = [
        Branches(prompt, responses)
        for prompt, responses, extra in zip(
            held_out["prompt_ids"][:], held_out["response_ids"][:], held_out["extra"][:], strict=True
        )
        if not json.loads(extra)["conflict"]
    ]
    reference = Policy(load_language_model(ModelConfig(path=str(demo_model_path()))), PaddedLayout())
    margins = np.array(
        [
            [float(trained.sum() - before.sum()) for trained, before in zip(*pair, strict=True)]
            for pair in zip(
                reference_logps(policy, rows, cache, weights=weights_sha256(policy.lm), batch_size=64),
                reference_logps(reference, rows, cache, weights=weights_sha256(reference.lm), batch_size=64),
                strict=True,
            )
        ]
    )
    return [float(chosen > rejected) for chosen, rejected in margins]


def _mean_with_interval(per_seed: list[list[float]]) -> dict[str, Any]:
    """Average over seeds; resample prompts, keeping the seeds of a prompt together."""
    values = np.array(per_seed).mean(axis=0)
    rng = np.random.default_rng(0)
    resampled = values[rng.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {
        "mean": float(values.mean()),
        "low": float(low),
        "high": float(high),
        "seeds": [float(np.mean(seed)) for seed in per_seed],
    }


def _markdown(table: dict[str, Any], seeds: int, prompts: int) -> str:
    def cell(value: dict[str, Any]) -> str:
        if not value["mean"]:
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
