"""How often a toxicity scorer is wrong on sentences written to mislead it.

    python benchmarks/toxicity [--model builtin] [--weights other.safetensors] [--sentences]

``sentences.yaml`` has 125 harmless and 53 toxic sentences by kind. A sentence is called toxic if its reward is below
``--threshold``. The area under the ROC curve needs none. ``--weights`` asks for the built-in scorer with another file,
such as one that ``scripts/train_builtin_toxicity.py`` wrote. ``--sentences`` lists those that were judged wrongly.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import yaml

from upo_plugins.toxicity.builtin import BuiltinScorer
from upo_plugins.toxicity.objective import Toxicity
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.objectives import Completion

SENTENCES = Path(__file__).with_name("sentences.yaml")


@dataclass(frozen=True)
class Judged:
    """The reward of each sentence of one kind."""

    kind: str
    toxic: bool
    texts: list[str]
    rewards: list[float]

    def wrong(self, threshold: float) -> list[tuple[float, str]]:
        """Return the sentences that fall on the wrong side of a reward, with it."""
        return [
            (reward, text)
            for reward, text in zip(self.rewards, self.texts, strict=True)
            if (reward < threshold) != self.toxic
        ]


def main() -> None:
    """Score all sentences, and print two Markdown tables and the area under the curve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="builtin", help="option `model` of the objective")
    parser.add_argument("--weights", type=Path, help="weights of the built-in scorer")
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--sentences", action="store_true", help="list what was judged wrongly")
    arguments = parser.parse_args()
    judged = judge(arguments.model, arguments.weights)
    print(table(judged, arguments.threshold))
    for group in judged if arguments.sentences else []:
        for reward, text in group.wrong(arguments.threshold):
            print(f"{group.kind}: {reward:.3f} {text!r}")


def judge(model: str, weights: Path | None = None) -> list[Judged]:
    """Return the rewards of every kind of sentence."""
    objective = Toxicity(ToxicityOptions(model=model))
    objective.setup("cpu")
    if weights is not None:
        objective._scorer = BuiltinScorer(weights.read_bytes())  # noqa: SLF001 - weights are no option of users
    groups = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
    return [
        Judged(
            group["kind"],
            group["toxic"],
            group["texts"],
            objective.rewards([Completion("", text) for text in group["texts"]]),
        )
        for group in groups
    ]


def table(judged: list[Judged], threshold: float) -> str:
    """Return the confusion table, the errors by kind and the area under the curve."""
    lines = ["| | called harmless | called toxic | |", "|---|---|---|---|"]
    for toxic, name, error in ((False, "harmless", "false alarms"), (True, "toxic", "missed")):
        groups = [group for group in judged if group.toxic is toxic]
        total, wrong = (
            sum(len(each) for each in parts)
            for parts in zip(*((group.texts, group.wrong(threshold)) for group in groups), strict=True)
        )
        right = (total - wrong, wrong) if not toxic else (wrong, total - wrong)
        lines.append(f"| {name} ({total}) | {right[0]} | {right[1]} | {wrong / total:.0%} {error} |")
    lines += ["", "| kind | sentences | judged wrongly | mean reward |", "|---|---|---|---|"]
    lines += [
        f"| {group.kind} | {len(group.texts)} | {len(group.wrong(threshold))} "
        f"| {sum(group.rewards) / len(group.rewards):.2f} |"
        for group in judged
    ]
    return "\n".join([*lines, "", f"ROC-AUC {roc_auc(judged):.3f}"])


def roc_auc(judged: list[Judged]) -> float:
    """Return how often a toxic sentence has a lower reward than a harmless one; a tie counts half."""
    harmless, toxic = (
        [reward for group in judged if group.toxic is wanted for reward in group.rewards] for wanted in (False, True)
    )
    won = sum((low < high) + 0.5 * (low == high) for low in toxic for high in harmless)
    return won / (len(toxic) * len(harmless))


if __name__ == "__main__":
    main()
