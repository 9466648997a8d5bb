"""What decides the weights that a run ends with: kept with every checkpoint, and compared when a run is resumed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from pydantic import Field

from upo_sdk.records.base import FileRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Changeable", "TrainedWith"]

Changeable = Literal[
    "model",
    "adapter",
    "data",
    "tokenizer",
    "objectives",
    "plugins",
    "scorers",
    "loss",
    "batch",
    "ranks",
    "seed",
    "learning_rate",
    "optimizer",
    "steps",
]
"""What may differ from the run that is resumed."""

_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")


class TrainedWith(FileRecord):
    """What a run trains with; each field is a name of ``training.allow_changed``.

    A field is None where it is not known yet. Places are no part of it: model and data may have been moved.
    """

    FILE: ClassVar[str] = "trained_with.json"
    MISSING: ClassVar[tuple[str, str]] = (
        "the checkpoint does not say what it was trained with",
        "resume from another checkpoint",
    )

    schema_version: Literal[1] = 1
    model: dict[str, Any] | None = None
    adapter: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    tokenizer: dict[str, Any] | None = None
    objectives: dict[str, Any] | None = None
    plugins: dict[str, Any] | None = None
    scorers: dict[str, Any] | None = None
    loss: dict[str, Any] | None = None
    batch: dict[str, Any] | None = None
    ranks: dict[str, Any] | None = None
    seed: dict[str, Any] | None = None
    learning_rate: dict[str, Any] | None = None
    optimizer: dict[str, Any] | None = None
    steps: dict[str, Any] | None = None
    changed_on_resuming: dict[str, list[str]] = Field(
        default_factory=dict,
        description="What has differed since the first step, by field: one line for each checkpoint that was resumed "
        "with something else.",
    )

    def changes(self, now: TrainedWith) -> dict[str, str]:
        """Return what differs from ``now``, by field: old and new values in words; what is unknown does not differ."""
        found = dict[str, str]()
        for name in get_args(Changeable):
            old, new = getattr(self, name), getattr(now, name)
            if old is not None and new is not None and old != new:
                keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
                found[name] = ", ".join(f"{key} {_short(old.get(key))} → {_short(new.get(key))}" for key in keys)
        return found

    def resumed(self, checkpoint: Path, changed: Mapping[str, str]) -> Self:
        """Return the record of a run that resumes from a checkpoint with allowed changes: it keeps earlier ones."""
        kept = dict((TrainedWith.find(checkpoint) or TrainedWith()).changed_on_resuming)
        for name, text in changed.items():
            kept[name] = [*kept.get(name, ()), f"{text}, from {checkpoint.name}"]
        return self.model_copy(update={"changed_on_resuming": kept})


def _short(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return _HASH.sub(r"\1…", text)
