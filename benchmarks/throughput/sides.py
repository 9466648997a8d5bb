"""Who is measured: TRL as it comes and as well as it can be set, and our run alone and with auxiliary objectives."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["SIDES", "Side", "Spec"]

AUXILIARY = ("toxicity:0.3,model=builtin", "lexical:0.05", "length:0.1,target=60")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way to run preference training.

    Attributes:
        objectives: Ours; none means the peer.
        order: The peer's default shuffles. Grouped by length, each side has the key that is best for it; the losses of
            two sides can be compared where they read the same order.
        precompute: The peer computes the reference's log-probs before training (we always do).
        lora: Both train an adapter of rank 16 on every linear layer.
        completion_head: The peer's head skips what is not a response, as it does on CUDA. Elsewhere it is made to.
    """

    title: str
    objectives: tuple[str, ...] = ()
    order: Literal["shuffled", "by-longest", "by-total"] = "by-total"
    checkpointing: bool = False
    precompute: bool = False
    completion_head: bool = False
    lora: bool = False


SIDES = {
    "trl": Side(title="TRL, default", order="shuffled", checkpointing=True),
    "trl-best": Side(title="TRL, best public configuration", order="by-longest", precompute=True),
    "trl-best-head": Side(
        title="TRL, best, CUDA-style head", order="by-longest", precompute=True, completion_head=True
    ),
    "trl-head-shuffled": Side(
        title="TRL, best but for grouping, CUDA-style head", order="shuffled", precompute=True, completion_head=True
    ),
    "trl-lora": Side(title="TRL + PEFT, default", order="shuffled", checkpointing=True, lora=True),
    "trl-lora-head": Side(
        title="TRL + PEFT, best, CUDA-style head", order="by-longest", precompute=True, completion_head=True, lora=True
    ),
    "dpo": Side(title="ours, dpo", objectives=("dpo",)),
    "dpo-same-batches": Side(title="ours, dpo, the batches of TRL's best", objectives=("dpo",), order="by-longest"),
    "upo": Side(title="ours, dpo + toxicity + lexical + length", objectives=("dpo", *AUXILIARY)),
    "upo-checkpointed": Side(
        title="ours, all four, activation checkpointing", objectives=("dpo", *AUXILIARY), checkpointing=True
    ),
    "dpo-lora": Side(title="ours, dpo, LoRA", objectives=("dpo",), order="by-longest", lora=True),
    "upo-lora": Side(title="ours, all four, LoRA", objectives=("dpo", *AUXILIARY), lora=True),
}


@dataclass(frozen=True, kw_only=True)
class Spec:
    """All that a measuring process is told.

    Attributes:
        skip: Steps that warm up and are left out of the steady state.
        settings: Further settings of our run, such as ``{"layout": "padded"}``, by their names under ``training``.
    """

    side: str
    model: str
    rows: str
    output: str
    batch_size: int
    max_length: int
    skip: int
    threads: int
    learning_rate: float = 1e-5
    optimizer: str = "adamw_torch_fused"
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)
