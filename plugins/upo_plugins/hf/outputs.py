"""From a classifier's outputs to a reward: which label, which activation, and the windows of a long text as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.errors import ObjectiveRefError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from upo_plugins.hf.options import Activation, Pool

__all__ = ["choose_activation", "choose_label", "pooled", "reward"]


def choose_label(wanted: str | None, labels: Sequence[str], where: str) -> int:
    """Return the position of a label, given by name (case does not matter if it is clear) or by number.

    Raises:
        ObjectiveRefError: There is no such label, or several and none is named.
    """
    if wanted is None:
        if len(labels) == 1:
            return 0
        raise ObjectiveRefError(
            f"the classifier has {len(labels)} labels, and none is named",
            where=where,
            fix=f"add label={labels[-1]}; known: {', '.join(labels)}",
        )
    if wanted in labels:
        return list(labels).index(wanted)
    alike = [index for index, label in enumerate(labels) if label.lower() == wanted.lower()]
    if len(alike) == 1:
        return alike[0]
    if wanted.isdecimal() and int(wanted) < len(labels):
        return int(wanted)
    numbers = f", or a number from 0 to {len(labels) - 1}"
    raise ObjectiveRefError(
        f"the classifier has no label '{wanted}'",
        where=where,
        fix=f"{did_you_mean(wanted, list(labels))}known: {', '.join(labels)}{numbers}",
    )


def choose_activation(wanted: Activation | None, outputs: int, problem_type: str | None, where: str) -> Activation:
    """Return the activation that was asked for, or the one that fits the model.

    Raises:
        ObjectiveRefError: A softmax over a single output, which is always 1.
    """
    if wanted == "softmax" and outputs == 1:
        raise ObjectiveRefError(
            "the softmax of a single output is always 1", where=where, fix="write activation=sigmoid, or none"
        )
    if wanted is not None:
        return wanted
    if outputs == 1:
        return "none"
    return "sigmoid" if problem_type == "multi_label_classification" else "softmax"


def reward(logits: Tensor, label: int, activation: Activation, *, reverse: bool) -> float:
    """Return the reward of one window from its outputs, shape [outputs]."""
    match activation:
        case "none":
            value = float(logits[label])
            return -value if reverse else value
        case "sigmoid":
            value = float(logits.sigmoid()[label])
        case "softmax":
            value = float(logits.softmax(-1)[label])
    return 1 - value if reverse else value


def pooled(rewards: Sequence[float], how: Pool) -> float:
    """Return one reward for the windows of a text."""
    match how:
        case "mean":
            return sum(rewards) / len(rewards)
        case "min":
            return min(rewards)
        case "max":
            return max(rewards)
