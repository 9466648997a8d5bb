"""It has what the protocol asks for; options are typed, written back into configurations, and printed for users."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from pydantic import ValidationError

from upo_sdk.objectives import Needs
from upo_sdk.testing.check import CheckFailedError, check

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = [
    "follows_the_protocol",
    "options_are_described",
    "options_refuse_unknown_keys",
    "options_survive_a_round_trip",
]

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


def _no_options(subject: Subject) -> str | None:
    return "it takes no options, or they are not known here" if subject.options is None else None


@check(unless=_no_options)
def options_survive_a_round_trip(subject: Subject) -> None:
    """Options written as JSON and read again are the same options."""
    options = subject.options
    assert options is not None  # noqa: S101 - checked by _no_options
    written = options.model_dump_json()
    again = type(options).model_validate_json(written)
    if again != options or again.model_dump_json() != written:
        raise CheckFailedError(
            expected=f"that {written} reads as the options it was written from",
            got=again.model_dump_json(),
            fix="use types that pydantic can write and read; leave no field out of the dump; validate without drift",
        )


@check(unless=_no_options)
def options_refuse_unknown_keys(subject: Subject) -> None:
    """An option that does not exist is an error, so that typing errors are found."""
    options = subject.options
    assert options is not None  # noqa: S101 - checked by _no_options
    try:
        type(options).model_validate({**options.model_dump(mode="json"), "no_such_option": 1})
    except ValidationError:
        return
    raise CheckFailedError(
        expected="an error for the unknown option no_such_option",
        got="it was accepted",
        fix='derive the options from upo_sdk.objectives.Options, which has extra="forbid"',
    )


@check(unless=_no_options)
def options_are_described(subject: Subject) -> None:
    """Every option has a description, which `upo objectives show` prints."""
    fields = type(subject.options).model_fields if subject.options is not None else {}
    silent = [name for name, field in fields.items() if not field.description]
    if silent:
        raise CheckFailedError(
            expected="a description of every option",
            got=f"none of {', '.join(silent)}",
            fix='write Field(default=..., description="...")',
        )
