"""Texts that real data holds and that scorers trip over: one check for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import Check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.rewards import scores
from upo_sdk.testing.samples import ODD_TEXTS, as_the_engine_would, with_response

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["ODD_TEXT_CHECKS"]


def _check_of(name: str, text: str) -> Check:
    summary = f"A finite score for a text of this kind ({name.replace('_', ' ')}), as response and as prompt"

    def scores_odd_text(subject: Subject) -> None:
        with subject.in_use() as objective:
            try:
                scores(objective, as_the_engine_would(with_response(text, subject.samples), subject.needs))
            except CheckFailedError as failure:
                raise CheckFailedError(
                    expected=summary, got=failure.got, fix=failure.fix, root=failure.root
                ) from failure

    return Check(f"scores_{name}", summary, scores_odd_text)


ODD_TEXT_CHECKS = tuple(_check_of(name, text) for name, text in ODD_TEXTS.items())
