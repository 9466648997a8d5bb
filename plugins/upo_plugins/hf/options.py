"""Options of the ``hf`` objective."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["Activation", "ClassifierOptions", "Input", "Pool"]

Activation = Literal["none", "sigmoid", "softmax"]
Input = Literal["chat", "pair", "response"]
Pool = Literal["mean", "min", "max"]


class ClassifierOptions(Options):
    """Options of the ``hf`` objective."""

    operational = frozenset({"batch_size"})

    model: str = Field(min_length=1, description="Folder or hub id owner/name with safetensors weights.")
    label: str | None = Field(
        default=None,
        description="Name or number of the label to reward; needed unless the model has a single output.",
    )
    activation: Activation | None = Field(
        default=None,
        description="none: the output itself; sigmoid or softmax: a probability. Unset: none for a single output, "
        "sigmoid if several labels can be true at once, else softmax.",
    )
    reverse: bool = Field(
        default=False, description="Reward the opposite: 1 − p, or −r for an output without activation."
    )
    input: Input | None = Field(
        default=None,
        description="What the model reads: prompt and response through its chat template, as a pair of texts, or the "
        "response alone. Unset: chat if the tokenizer has a template, else pair for a single output, else response.",
    )
    pool: Pool = Field(default="mean", description="How to combine the rewards of the windows of a long response.")
    max_length: int = Field(default=2048, ge=32, description="Tokens per window, if the model has as many positions.")
    revision: str | None = Field(
        default=None, description="Commit, tag or branch of a hub id; default: its main branch."
    )
    batch_size: int = Field(default=32, ge=1, description="Windows of text per forward pass.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="Number format of the model."
    )
