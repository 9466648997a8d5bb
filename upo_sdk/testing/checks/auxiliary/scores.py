"""One finite score for every completion, within the declared bounds, also for texts that scorers trip over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import Check, CheckFailedError, check
from upo_sdk.testing.rewards import scores, shown
from upo_sdk.testing.samples import ODD_TEXTS, as_the_engine_would, with_response

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["ODD_TEXT_CHECKS", "one_score_per_completion", "scores_are_finite", "scores_lie_in_the_declared_bounds"]


@check()
def one_score_per_completion(subject: Subject) -> None:
    """One number per completion, also for none, for one, for duplicates, and for a tuple of them."""
    every = subject.completions
    with subject.in_use() as objective:
        for part in (every, every[:1], every[:2] * 3, tuple(every), []):
            try:
                scores(objective, part)
            except CheckFailedError as failure:
                if failure.root == one_score_per_completion.name:
                    raise


@check()
def scores_are_finite(subject: Subject) -> None:
    """A finite score for every ordinary completion."""
    with subject.in_use() as objective:
        scores(objective, subject.completions)


_ROUNDING = 1e-6


def _no_bounds(subject: Subject) -> str | None:
    if subject.spec is None:
        return "bounds are declared in an ObjectiveSpec, and there is none"
    return "it declares no bounds" if subject.spec.bounds is None else None


@check(unless=_no_bounds)
def scores_lie_in_the_declared_bounds(subject: Subject) -> None:
    """Every score lies in the interval that the ObjectiveSpec declares."""
    assert subject.spec is not None  # noqa: S101 - checked by _no_bounds
    assert subject.spec.bounds is not None  # noqa: S101 - checked by _no_bounds
    low, high = subject.spec.bounds
    odd = [item for text in ODD_TEXTS.values() for item in with_response(text, subject.samples)]
    with subject.in_use() as objective:
        for completion in [*subject.completions, *as_the_engine_would(odd, subject.needs)]:
            try:
                (score,) = scores(objective, [completion])
            except CheckFailedError:
                continue  # that a text has no score is a failure of its own
            if not low - _ROUNDING <= score <= high + _ROUNDING:
                raise CheckFailedError(
                    expected=f"a score in [{low:g}, {high:g}], as declared",
                    got=f"{score:.6g} for {shown(completion)}",
                    fix="clip the score, or declare the true bounds in the ObjectiveSpec",
                )


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
