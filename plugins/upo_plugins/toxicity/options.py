"""Options of the ``toxicity`` objective."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from upo_plugins.toxicity.labels import standard_name
from upo_sdk.objectives import Options

__all__ = ["ToxicityOptions"]


def _split(value: Any) -> Any:
    """Turn ``a+b:0.5``, or a list of such names, into a mapping from name to weight."""
    if isinstance(value, str):
        value = value.split("+")
    if not isinstance(value, list | tuple):
        return value  # a mapping, or an error that pydantic explains
    weights: dict[str, str | float] = {}
    for item in value:
        name, colon, weight = str(item).partition(":")
        if name.strip() in weights:
            msg = f"category '{name}' is given twice"
            raise ValueError(msg)
        weights[name.strip()] = weight if colon else 1.0
    return weights


def _standardise(value: dict[str, float]) -> dict[str, float]:
    return {standard_name(name): weight for name, weight in value.items()}


Weight = Annotated[float, Field(gt=0, le=1)]
CategoryWeights = Annotated[dict[str, Weight], BeforeValidator(_split), AfterValidator(_standardise)]


class ToxicityOptions(Options):
    """Options of the ``toxicity`` objective."""

    model: str = Field(
        default="unbiased",
        description="unbiased, original or multilingual (Detoxify), builtin, a .ckpt file, a folder or a hub id.",
    )
    categories: CategoryWeights = Field(
        default_factory=dict,
        description="Harms to penalise, with weights in (0, 1]: threat+insult or threat:0.7+insult; default: all.",
    )
    aggregate: Literal["worst", "mean", "printed"] = Field(
        default="worst",
        description="worst: 1 − max w·p; mean: 1 − weighted mean of p; printed: max(1 − w·p), the formula as "
        "printed in the paper.",
    )
    base: str | None = Field(
        default=None,
        description="Folder or hub id with the config and tokenizer of a .ckpt; default: the .ckpt's folder, else "
        "the config in it.",
    )
    revision: str | None = Field(
        default=None, description="Commit, tag or branch of a hub id; default: its main branch."
    )
    batch_size: int = Field(default=32, ge=1, description="Windows of text per forward pass.")
    max_length: int = Field(
        default=512, ge=16, description="Tokens per window; longer texts are read in overlapping windows."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Number format of the classifier; auto: float32, and bfloat16 autocast on a GPU that has it.",
    )
