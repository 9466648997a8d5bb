"""The demo's hyper-parameters, and why they are not the paper's.

The schedule is linear and the gradient is clipped at 1, as in every run by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.config import ObjectiveRef

__all__ = [
    "BATCH_SIZE",
    "DPO_ALONE_STEPS",
    "GAMMA",
    "GAMMAS",
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

GAMMAS = {
    "dpo": GAMMA,
    "dpo,loss_type=sigmoid": GAMMA,
    "dpo,loss_type=hinge": 2.0,
    "dpo,loss_type=ipo": 8.9,
    "dpo,loss_type=bco_pair": 1.0,
    "dpo,loss_type=nca_pair": 0.5,
    "dpo,loss_type=apo_zero": 0.5,
    "dpo,loss_type=exo_pair": 3.5,
    "kto": 0.25,
    "kto,loss_type=apo_zero_unpaired": 0.25,
    "simpo": 1.0,
    "cpo": 1.4,
    "orpo": 0.3,
    "sft": 0.6,
}
"""γ beside each preference objective with its default options, in proportion to how hard it pulls.

The pulls on a response of the demo before training, which ``--scale balanced`` writes to ``run.json``, are .1 for
``dpo``, .025 for ``kto``, .1 for ``simpo``, .14 for ``cpo``, .07 for ``orpo``, .06 for ``sft``, .89 for ``ipo``. With
γ = 1 the likelihood drowns the labels of ``kto``. More than half of what ``orpo`` pulls is likelihood too, so its γ is
smaller than its pull says.
"""

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

    Without any, it is that of ``dpo``, which the demo adds.
    """
    preference = [ref for ref in refs if ref.name in GAMMAS]
    if not preference:
        return GAMMA
    loss_type = preference[0].options.get("loss_type")
    name = preference[0].name + (f",loss_type={loss_type}" if loss_type else "")
    return GAMMAS.get(name) if len(preference) == 1 else None
