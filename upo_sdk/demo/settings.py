"""The demo's hyper-parameters, and why they are not the paper's.

The schedule is linear and the gradient is clipped at 1, as in every run by default.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.config import ObjectiveRef

__all__ = [
    "BATCH_SIZE",
    "DPO_ALONE_STEPS",
    "GAMMA",
    "GATE_STEPS",
    "LAMBDA",
    "LEARNING_RATE",
    "MAX_STEPS",
    "WARMUP_STEPS",
    "gamma_beside",
]

# A quarter of the labels asks for rudeness, and the answers are short. λ decides how strongly a polite answer outweighs
# a rude one (here e^{12·0.3} ≈ 37 times; e^{1.5} ≈ 4.5 with the paper's λ = 5, which the labels overcome). γ only says
# how much likelihood is mixed in: 1 keeps the model a language model, more would pull unhelpful answers back up.
GAMMA = 1.0
LAMBDA = 12.0

# One epoch of two thousand pairs is 125 steps; a model of two million parameters needs a large rate to get there.
LEARNING_RATE = 2e-4
BATCH_SIZE = 16
MAX_STEPS = 120
WARMUP_STEPS = 10

# The value head needs a few steps; the paper's 100 would be most of the run.
GATE_STEPS = 20

# Without a likelihood term DPO soon forgets how to write. Over three seeds, at 10 / 20 / 30 / 45 / 55 steps, .80 /
# .90 / .88 / .90 / .74 of its answers help, and it ranks .94 / .97 / .91 / .86 / .85 of the other pairs right.
DPO_ALONE_STEPS = 20


def gamma_beside(refs: tuple[ObjectiveRef, ...]) -> float | None:
    """Return the γ that suits the one preference objective among ``refs``; None if none is known.

    Without any, it is :data:`GAMMA`, which suits the one that the demo adds.
    """
    measured = tomllib.loads(Path(__file__).with_name("gammas.toml").read_text(encoding="utf-8"))
    preference = [ref for ref in refs if ref.name in measured]
    if not preference:
        return GAMMA
    loss_type = preference[0].options.get("loss_type")
    name = preference[0].name + (f",loss_type={loss_type}" if loss_type else "")
    return measured.get(name) if len(preference) == 1 else None
