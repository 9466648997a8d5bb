"""Does one weight have one effect? ``scale: paper`` beside ``scale: balanced``, for short and long answers.

    python -m benchmarks.weight_meaning [--only tabular|demo] [--seeds 2] [--output weight_meaning.json]

First a tabular world that is solved exactly (seconds), then the demo's world with answers of 17 and of 70 tokens
(about half an hour on one core): the demo's model, taught to write both, is trained on pairs of one length or of both.
Its answers to 200 held-out prompts are judged by the grammar's own phrase tables. Intervals are 95 %
intervals over prompts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.answer_lengths import IS_LONG, Lengths, make_base_model, make_data
from benchmarks.tabular_world import solve
from upo_sdk import LossConfig, align
from upo_sdk.cache import ContentCache
from upo_sdk.config import DataConfig, ModelConfig, build_config
from upo_sdk.data import load_preference_data, tokenize
from upo_sdk.demo import settings
from upo_sdk.demo.grammar import is_helpful, is_rude
from upo_sdk.evaluation import Sampling, distinct_prompts, sample_answers
from upo_sdk.policy import load_language_model, load_tokenizer
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.statistics import Sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a row of the table trains with."""

    lengths: Lengths
    scale: str
    weight: float = 0.3
    beta: float = 0.1
    normalization: str = "auto"

    def loss(self) -> dict[str, Any]:
        """Return the section of the configuration; the demo's γ and λ, so that ``paper`` is what the demo does."""
        gamma = {"gamma": settings.GAMMA} if self.scale == "paper" else {}
        common = {"lambda": settings.LAMBDA, "gate_steps": settings.GATE_STEPS}
        return {"scale": self.scale, "length_normalization": self.normalization, **common, **gamma}


SETUPS: tuple[Setup, ...] = tuple(
    Setup(lengths=lengths, scale=scale, normalization=normalization)
    for scale, normalization in (("paper", "auto"), ("balanced", "token-mean"), ("balanced", "auto"))
    for lengths in ("short", "long", "mixed")
)


@dataclass(frozen=True)
class Judged:
    """Of one trained model: per prompt whether its answer is rude, helpful, long; and what the run itself measured."""

    rude: list[bool]
    helpful: list[bool]
    long: list[bool]
    accuracy: float
    gamma: float


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("tabular", "demo"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("weight_meaning.json"))
    arguments = parser.parse_args()
    if arguments.only != "demo":
        print(tabular_table())
    if arguments.only != "tabular":
        with tempfile.TemporaryDirectory() as folder:
            print(demo_table(Path(folder), range(arguments.seeds), arguments.output))


def tabular_table() -> str:
    """Return rude and helpful shares of the trained model for one length of the answers, and for two."""
    rows = [
        "| γ | λ, w, β | 30 tokens: γ, rude, helpful | 120 tokens | both: rude at 30, at 120; share at 120 |",
        "|" + 5 * "---|",
    ]
    for lambda_, weight, beta in (
        *((5, 0.3, beta) for beta in (0.05, 0.1, 0.5)), (15, 0.3, 0.1), (5, 1, 0.1)
    ):  # fmt: skip
        for name, loss in (
            ("paper", {"gamma": 0.5}),
            ("balanced, per token", {"scale": "balanced", "length_normalization": "token-mean"}),
            ("balanced", {"scale": "balanced"}),
        ):
            config = LossConfig(lambda_=lambda_, **loss)
            short, long, both = (
                solve(lengths, beta=beta, weight=weight, config=config) for lengths in ((30,), (120,), (30, 120))
            )
            cells = [f"{one.gamma:.3g}, {one.rude:.2f}, {one.helpful:.2f}" for one in (short, long)]
            cells.append(
                f"{both.rude_by_length[30]:.2f}, {both.rude_by_length[120]:.2f}; {both.share_by_length[120]:.2f}"
            )
            rows.append(f"| {name} | {lambda_}, {weight}, {beta} | {' | '.join(cells)} |")
    return "\n".join(rows)


def demo_table(folder: Path, seeds: Sequence[int], output: Path) -> str:
    """Train and judge every setup, and return a Markdown table."""
    base = make_base_model(folder / "base")
    data = {lengths: make_data(folder, lengths) for lengths in ("short", "long", "mixed")}
    found: list[dict[str, Any]] = []
    for setup in SETUPS:
        judged = [_judged(folder, setup, base, data[setup.lengths], seed) for seed in seeds]
        found.append({"setup": vars(setup), "judged": [vars(one) for one in judged], "row": _row(setup, judged)})
        print(found[-1]["row"], flush=True)
        output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    head = "| answers | scale | w, β | γ | rude | helpful | accuracy | rude short answers | rude long answers | long |"
    return "\n".join([head, "|" + 10 * "---|", *(one["row"] for one in found)])


def _judged(folder: Path, setup: Setup, base: Path, data: tuple[Path, Path], seed: int) -> Judged:
    output = folder / "run"
    config = build_config(
        {
            "model": str(base),
            "data": {"path": str(data[0]), "eval_path": str(data[1]), "max_length": 160},
            "objectives": [f"dpo,beta={setup.beta}", f"toxicity:{setup.weight},model=builtin"],
            "loss": setup.loss(),
            "training": {
                "learning_rate": settings.LEARNING_RATE,
                "max_steps": 100,
                "warmup_steps": settings.WARMUP_STEPS,
                "per_device_train_batch_size": settings.BATCH_SIZE,
                "per_device_eval_batch_size": 32,
                "seed": seed,
            },
            "output_dir": str(output),
            "overwrite_output_dir": True,
        }
    )
    result = align(config)
    gamma = json.loads((output / "run.json").read_text(encoding="utf-8"))["loss"]["gamma"]
    prompts, answers, tokens = _answers(output, data[1], seed)
    return Judged(
        rude=[is_rude(answer) for answer in answers],
        helpful=[is_helpful(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)],
        long=[count >= IS_LONG for count in tokens],
        accuracy=result.metrics["eval_rewards/accuracies"],
        gamma=gamma,
    )


def _answers(model: Path, held_out: Path, seed: int) -> tuple[list[str], list[str], list[int]]:
    config = ModelConfig(path=str(model))
    tokenizer = load_tokenizer(config)
    rows = load_preference_data(DataConfig(path=str(held_out))).train
    rows = tokenize(rows, tokenizer, max_length=160, max_prompt_length=None).dataset
    prompts, lm = distinct_prompts(rows), load_language_model(config)
    answers = sample_answers(
        lm,
        tokenizer,
        prompts,
        Sampling(max_new_tokens=110, seed=1000 + seed),
        ContentCache(model / "answers.sqlite"),
        weights=weights_sha256(lm),
        batch_size=50,
    ).texts
    return [prompt.text for prompt in prompts], answers, [len(tokenizer(answer)["input_ids"]) for answer in answers]


def _row(setup: Setup, judged: Sequence[Judged]) -> str:
    rude, helpful, long = (np.array([getattr(one, name) for one in judged]) for name in ("rude", "helpful", "long"))
    scale = setup.scale if setup.normalization == "auto" else f"{setup.scale}, {setup.normalization}"
    cells = (
        setup.lengths,
        scale,
        f"{setup.weight}, {setup.beta}",
        f"{np.mean([one.gamma for one in judged]):.3g}",
        _with_interval(rude),
        _with_interval(helpful),
        f"{np.mean([one.accuracy for one in judged]):.2f}",
        f"{rude[~long].mean():.2f}" if (~long).sum() > 20 else "–",  # noqa: PLR2004 - too few to say
        f"{rude[long].mean():.2f}" if long.sum() > 20 else "–",  # noqa: PLR2004
        f"{long.mean():.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _with_interval(values_SP: FloatArray) -> str:
    """Average over seeds; prompts are the units, so that the seeds of a prompt stay together."""
    found = Sums.grouped(values_SP.mean(axis=0), 1).estimate
    return f"{found.mean:.2f} ({found.low:.2f}–{found.high:.2f})"


if __name__ == "__main__":
    main()
