"""The demo's hyper-parameters, and why they are not the paper's."""

from __future__ import annotations

__all__ = [
    "BATCH_SIZE",
    "BETA",
    "DPO_ALONE_STEPS",
    "GAMMA",
    "GATE_STEPS",
    "LAMBDA",
    "LEARNING_RATE",
    "MAX_STEPS",
    "OBJECTIVES",
    "WARMUP_STEPS",
]

OBJECTIVES = ("dpo", "toxicity:0.3")

GAMMA = 1.0
LAMBDA = 12.0
LEARNING_RATE = 2e-4
BATCH_SIZE = 16
MAX_STEPS = 120
WARMUP_STEPS = 10
GATE_STEPS = 20
BETA = 0.1
DPO_ALONE_STEPS = 20
