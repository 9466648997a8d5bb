"""How logging is set up is for the program to decide."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import evaluate
from upo_sdk.testing.failure import CheckFailedError

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["sets_up_no_logging"]


@check()
def sets_up_no_logging(subject: Subject) -> None:
    """It leaves the root logger as it is: its handlers, its level and what is disabled."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    try:
        _set(root, [], logging.WARNING, logging.NOTSET)  # what a fresh process has
        with subject.in_use() as objective:
            evaluate(objective, subject)
        changed = (root.handlers, root.level, root.manager.disable) != ([], logging.WARNING, logging.NOTSET)
    finally:
        _set(root, handlers, level, disabled)
    if changed:
        raise CheckFailedError(
            expected="that the root logger stays as it is",
            got="its handlers or its level were changed, or logging was disabled",
            fix="take out logging.basicConfig(), logging.disable() and set-up of the root logger",
        )


def _set(root: logging.Logger, handlers: list[logging.Handler], level: int, disabled: int) -> None:
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)
