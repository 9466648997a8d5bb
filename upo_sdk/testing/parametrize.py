"""One pytest test per check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.testing.check import CheckFailedError
from upo_sdk.testing.checks import checks_for
from upo_sdk.testing.factory import make_subject
from upo_sdk.testing.kit import explained_by, known_expectations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest
    from pydantic import BaseModel

    from upo_sdk.objectives import Completion
    from upo_sdk.testing.check import Check
    from upo_sdk.testing.factory import Factory
    from upo_sdk.testing.subject import Subject

__all__ = ["parametrize_checks"]


def parametrize_checks(
    factory: Factory,
    *,
    options: BaseModel | Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    completions: Sequence[Completion] | None = None,
) -> pytest.MarkDecorator:
    """Return a decorator that runs a test once per check; the arguments are those of ``check_objective``.

    The test has one parameter, ``check``, and calls it::

        @parametrize_checks("polite")
        def test_polite(check):
            check()

    An expected failure is a strict xfail; a check that does not apply is skipped with the reason.

    Raises:
        UPOError: The factory makes no objective, or a check named in ``expected_failures`` does not exist.
    """
    import pytest

    subject = make_subject(factory, options=options, completions=completions)
    expected = known_expectations(subject, expected_failures)
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                _CheckOfSubject(item, subject),
                id=item.name,
                marks=[pytest.mark.xfail(reason=expected[item.name], strict=True, raises=CheckFailedError)]
                if item.name in expected
                else [],
            )
            for item in checks_for(subject.kind)
        ],
    )


@dataclass(frozen=True)
class _CheckOfSubject:
    """A check bound to the objective, for the body of a test to call."""

    check: Check
    subject: Subject

    def __call__(self) -> None:
        import pytest

        try:
            skipped = self.check(self.subject)
        except CheckFailedError as failure:
            if not self._root_fails(failure):
                raise
            skipped = explained_by(failure)
        if skipped:
            pytest.skip(skipped)

    def _root_fails(self, failure: CheckFailedError) -> bool:
        """Say whether the check that explains a failure is another one and fails too; tests may run in any order."""
        if failure.root is None or failure.root == self.check.name:
            return False
        (root,) = (item for item in checks_for(self.subject.kind) if item.name == failure.root)
        try:
            root(self.subject)
        except CheckFailedError:
            return True
        return False
