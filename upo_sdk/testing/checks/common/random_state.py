"""Global random state belongs to the run: an objective that draws from it changes what is sampled next."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import evaluate
from upo_sdk.testing.failure import CheckFailedError

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["leaves_random_state_alone"]

_SEED = 770_077


@check()
def leaves_random_state_alone(subject: Subject) -> None:
    """It neither seeds nor draws from the global generators of random, numpy and torch."""
    with subject.in_use() as warm_up:  # imports may draw; that is not the objective's doing
        evaluate(warm_up, subject)
    before = _states()
    try:
        _seed(before)
        seeded = _states()
        with subject.in_use() as objective:
            evaluate(objective, subject)
        after = _states()
    finally:
        _restore(before)
    changed = [name for name, state in seeded.items() if repr(after[name]) != repr(state)]
    if changed:
        raise CheckFailedError(
            expected="that the global random states stay as they are",
            got=f"that of {', '.join(changed)} was seeded or drawn from",
            fix="use a generator of your own: random.Random(0), numpy.random.default_rng(0), torch.Generator()",
        )


def _states() -> dict[str, Any]:
    states: dict[str, Any] = {
        "random": random.getstate(),
        "numpy": _plain(np.random.get_state(legacy=False)),  # noqa: NPY002 - the global state is what is watched
    }
    torch = sys.modules.get("torch")
    return states if torch is None else {**states, "torch": torch.get_rng_state().tolist()}


def _seed(states: dict[str, Any]) -> None:
    """Seed with a number that nobody else seeds with, so that seeding again shows."""
    random.seed(_SEED)
    np.random.seed(_SEED)  # noqa: NPY002
    if "torch" in states:
        import torch

        torch.manual_seed(_SEED)


def _plain(state: Any) -> dict[str, Any]:
    inner = state["state"]
    return {**state, "state": {**inner, "key": inner["key"].tolist()}}


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["random"])
    numpy_state = states["numpy"]
    key = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})  # noqa: NPY002
    if "torch" in states:
        import torch

        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
