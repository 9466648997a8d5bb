"""One named check: a function of the objective under test, when it applies, and what a failed one says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.errors import OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.testing.subject import Subject

__all__ = ["Check", "CheckFailedError", "check"]


class CheckFailedError(AssertionError):
    """An objective does not do what the check expects.

    Args:
        expected: What the check expects.
        got: What came instead.
        fix: How to mend it.
        root: The check that explains this failure, if it fails too; then this one is left out instead of failing.
    """

    def __init__(self, *, expected: str, got: str, fix: str, root: str | None = None) -> None:
        super().__init__(expected, got, fix)
        self.expected = expected
        self.got = got
        self.fix = fix
        self.root = root

    def __str__(self) -> str:
        return f"expected: {self.expected}\n  got: {self.got}\n  fix: {self.fix}"

    def add_fix(self, advice: str) -> None:
        """Add to the advice."""
        self.fix += advice


def _always(_subject: Subject) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Check:
    """A check that raises :class:`CheckFailedError`, or passes.

    Attributes:
        name: What users see and name in ``expected_failures``.
        summary: What it expects of an objective, in one sentence.
        function: The check itself.
        why_not: Returns why the check does not apply to a subject, or None.
    """

    name: str
    summary: str
    function: Callable[[Subject], None]
    why_not: Callable[[Subject], str | None] = _always

    def __call__(self, subject: Subject) -> str | None:
        """Run the check; return why it does not apply, or None if it passes.

        Raises:
            CheckFailedError: The objective does something else, or raises.
            OfflineError: It would have to download something, and there is no network.
        """
        try:
            skipped = self.why_not(subject)
            if skipped is None:
                self.function(subject)
        except CheckFailedError as failure:
            if failure.__cause__ is not None:
                failure.add_fix(subject.hint())
            raise
        except OfflineError:
            raise  # what is missing is the network, and nothing can be said about the objective
        except (Exception, SystemExit) as error:
            raise CheckFailedError(
                expected=self.summary[:1].lower() + self.summary[1:],
                got=f"it raised {type(error).__name__}: {error}",
                fix=f"run it on the input of this check and mend what raises{subject.hint()}",
                root="follows_the_protocol",
            ) from error
        return skipped


def check(*, unless: Callable[[Subject], str | None] = _always) -> Callable[[Callable[[Subject], None]], Check]:
    """Make a check from a function; its name and the first line of its docstring are those of the check.

    Args:
        unless: Returns why the check does not apply, or None.
    """

    def make(function: Callable[[Subject], None]) -> Check:
        summary = (function.__doc__ or "").partition("\n")[0].rstrip(".")
        return Check(function.__name__, summary, function, unless)

    return make
