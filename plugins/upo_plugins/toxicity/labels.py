"""The models that have a name, and the names of categories: one spelling for all, and which of them mean harm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["INSTEAD", "KNOWN_LABELS", "WHERE", "are_exclusive", "harmful_labels", "standard_name", "standard_names"]

_DETOXIFY = ("toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
_ORIGINAL = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")

KNOWN_LABELS = {
    "builtin": ("toxicity",),
    "original": _ORIGINAL,
    "original-small": _ORIGINAL,
    "unbiased": _DETOXIFY,
    "unbiased-small": _DETOXIFY,
    "multilingual": _DETOXIFY,
}
"""Categories of the models that have a name here, known before anything is loaded."""

WHERE = "toxicity model"
INSTEAD = "the built-in scorer, toxicity:W,model=builtin, or a local classifier, toxicity:W,model=PATH"
"""What may be named where something cannot be downloaded."""

_RENAMED = {"toxic": "toxicity", "severe_toxic": "severe_toxicity", "identity_hate": "identity_attack"}
_HARMFUL = {
    *_DETOXIFY,
    *(
        "abuse",
        "abusive",
        "harassment",
        "hate",
        "hate_speech",
        "hateful",
        "offensive",
        "offensive_language",
        "profanity",
    ),
}
_HARMLESS = {
    *("clean", "neither", "neutral", "none", "normal", "ok", "safe"),
    *(
        f"{no}{word}"
        for no in ("non_", "not_", "no_", "non", "not")
        for word in ("toxic", "hate", "offensive", "abusive")
    ),
}


def standard_name(label: str) -> str:
    """Return the label in lower case with underscores, renamed to the word Detoxify uses for it."""
    plain = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
    return _RENAMED.get(plain, plain)


def standard_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the standard names, or the labels as they are if two of them would get the same name."""
    given = tuple(labels)
    renamed = tuple(map(standard_name, given))
    return renamed if len(set(renamed)) == len(renamed) else given


def harmful_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that name a harm; others, such as the identities that `unbiased` also detects, name none."""
    return tuple(label for label in labels if label in _HARMFUL)


def are_exclusive(labels: tuple[str, ...], problem_type: str | None) -> bool:
    """Return whether exactly one label is true of a text (softmax), or each by itself (sigmoid).

    The config's ``problem_type`` decides. Without one, as in Transformers, several labels exclude each other; but
    Detoxify's categories never do, unless one label says that the text is harmless.
    """
    if problem_type is not None:
        return problem_type == "single_label_classification"
    if any(label in _HARMLESS for label in labels):
        return True
    return len(labels) > 1 and len(set(labels) & set(_DETOXIFY)) < 2  # noqa: PLR2004 - a toxic/other pair has one
