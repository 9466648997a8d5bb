"""The answers of both models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.evaluation.schema import Compared, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.rows import EvalRows
    from upo_sdk.scoring.score import FloatArray

__all__ = ["side_by_side"]


def side_by_side(
    rows: EvalRows,
    ours: Answers,
    theirs: Answers | None,
    rewards: Mapping[str, tuple[FloatArray, FloatArray | None]],
) -> list[Sample]:
    """Return one sample per answer, in the order of the prompts."""
    firsts = rows.dataset.select(rows.first_rows())
    chosen = [
        next((text for text, good in zip(texts, labels, strict=True) if good), None)
        for texts, labels in zip(firsts["responses"][:], firsts["desirable"][:], strict=True)
    ]
    return [
        Sample(
            prompt=completion.prompt,
            chosen=chosen[place // ours.num_samples],
            model=completion.response,
            baseline=theirs.texts[place] if theirs else None,
            tokens=Compared(model=len(ours.tokens[place]), baseline=len(theirs.tokens[place]) if theirs else None),
            rewards={
                label: Compared(model=float(mine[place]), baseline=None if other is None else float(other[place]))
                for label, (mine, other) in rewards.items()
            },
        )
        for place, completion in enumerate(ours.completions)
    ]
