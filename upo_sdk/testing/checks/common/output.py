"""Standard output and standard error belong to the program that runs the objective."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import evaluate
from upo_sdk.testing.failure import CheckFailedError

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["prints_nothing"]


@check()
def prints_nothing(subject: Subject) -> None:
    """It writes nothing to standard output or standard error."""
    written = io.StringIO()
    with redirect_stdout(written), redirect_stderr(written), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning is not a print, and has filters of its own
        with subject.in_use() as objective:
            evaluate(objective, subject)
    if written.getvalue():
        raise CheckFailedError(
            expected="silence",
            got=f"it wrote {written.getvalue()[:200]!r}",
            fix="take out print() and progress bars; return metrics, or use the warnings module",
        )
