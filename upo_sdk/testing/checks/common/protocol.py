"""It has what the protocol asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from upo_sdk.objectives import Needs
from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["follows_the_protocol"]

_METHODS = {"preference": "loss", "auxiliary": "rewards"}


@check()
def follows_the_protocol(subject: Subject) -> None:
    """It can be made, set up and closed, says what it needs, and has the one method of its kind."""
    objective = subject.build()
    needs = getattr(objective, "needs", None)
    if not isinstance(needs, Needs):
        _fail("needs, an instance of upo_sdk.objectives.Needs", repr(needs), "write needs = Needs() in the class")
    for method in ("setup", "close", _METHODS[subject.kind]):
        if not callable(getattr(objective, method, None)):
            _fail(f"a method {method}()", "none", f"write it; see {subject.kind.capitalize()}Objective")
    other = next(method for kind, method in _METHODS.items() if kind != subject.kind)
    if hasattr(objective, other):
        _fail(
            f"the method of one kind, {_METHODS[subject.kind]}()", f"{other}() as well", "split it into two objectives"
        )
    with subject.in_use():
        pass


def _fail(expected: str, got: str, fix: str) -> NoReturn:
    raise CheckFailedError(expected=expected, got=got, fix=fix)
