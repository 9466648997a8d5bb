"""The answers of both models side by side, and the pairs, one by one."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from upo_sdk.arrays import FloatArray
from upo_sdk.data.messages import shown
from upo_sdk.evaluation.schema import Compared, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.rows import EvalRows

__all__ = ["Paired", "pair_lines", "side_by_side"]

Paired = tuple[FloatArray, FloatArray | None]
"""One value per answer of the model, and of the baseline if there is one."""


def side_by_side(
    rows: EvalRows,
    ours: Answers,
    theirs: Answers | None,
    rewards: Mapping[str, Paired],
    measures: Mapping[str, Paired],
) -> list[Sample]:
    """Return one sample per answer, in the order of the prompts."""
    chosen = _chosen(rows)
    return [
        Sample(
            prompt=shown(completion.prompt, completion.prompt_messages),
            chosen=chosen[place // ours.num_samples],
            model=completion.response,
            baseline=theirs.texts[place] if theirs else None,
            tokens=Compared(model=len(ours.tokens[place]), baseline=len(theirs.tokens[place]) if theirs else None),
            rewards={label: _compared(values, place) for label, values in rewards.items()},
            measures={name: _compared(values, place) for name, values in measures.items()},
        )
        for place, completion in enumerate(ours.completions)
    ]


def pair_lines(rows: EvalRows, margins_B: FloatArray | None) -> list[str]:
    """Return one JSON object per pair: its row in the data, counted from 1, its prompt and its implicit margin."""
    if margins_B is None:
        return []
    return [
        json.dumps({"row": row, "prompt": prompt, "margin": margin}, ensure_ascii=False)
        for row, prompt, margin in zip(
            rows.dataset["row"][:], rows.dataset["prompt"][:], margins_B.tolist(), strict=True
        )
    ]


def _chosen(rows: EvalRows) -> list[str | None]:
    firsts = rows.dataset.select(rows.first_rows())
    return [
        next((text for text, good in zip(texts, labels, strict=True) if good), None)
        for texts, labels in zip(firsts["responses"][:], firsts["desirable"][:], strict=True)
    ]


def _compared(values: Paired, place: int) -> Compared:
    mine, other = values
    return Compared(model=_number(mine[place]), baseline=None if other is None else _number(other[place]))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
