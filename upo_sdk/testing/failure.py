"""What a failed check says."""

from __future__ import annotations

__all__ = ["CheckFailedError"]


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
