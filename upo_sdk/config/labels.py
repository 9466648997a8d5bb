"""Labels of objectives are unique: they identify metrics, scores and results."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from upo_sdk.errors import ObjectiveRefError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_labels"]


def check_labels(labels: Sequence[str]) -> None:
    """Check that no label occurs twice.

    Raises:
        ObjectiveRefError: One does.
    """
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise ObjectiveRefError(
            f"objective '{twice[0]}' is named twice",
            where="`objectives`",
            fix=f"name it once, or give one of the two another label: as=second_{twice[0].rpartition(':')[2]}",
        )
