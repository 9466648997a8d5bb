"""Run the checks: without pytest, on anything that makes an objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.testing.check import CheckFailedError
from upo_sdk.testing.checks import checks_for
from upo_sdk.testing.factory import make_subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from pydantic import BaseModel

    from upo_sdk.objectives import Completion
    from upo_sdk.testing.check import Check
    from upo_sdk.testing.factory import Factory
    from upo_sdk.testing.subject import Subject

__all__ = ["CheckResult", "check_objective", "check_subject", "explained_by", "known_expectations", "run_checks"]

_Outcome = Literal["passed", "failed", "expected", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check on one objective.

    Attributes:
        name: Name of the check.
        outcome: ``passed``; ``failed``; ``expected`` to fail, and did; ``skipped``, because it does not apply or
            because another failure explains it.
        reason: What failed and how to mend it, or why it was expected or skipped; empty if it passed.
    """

    name: str
    outcome: _Outcome
    reason: str = ""


def check_objective(
    factory: Factory,
    *,
    options: BaseModel | Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    completions: Sequence[Completion] | None = None,
) -> list[CheckResult]:
    """Run every check that applies and return the results, or raise with all failures.

    Args:
        factory: A name as on the command line (``"length,target=120"``, ``"my_pkg.rewards:Polite"``), an
            :class:`~upo_sdk.plugin.ObjectiveSpec`, a class, a function ``score(prompt, response)``, or a function
            without arguments that makes the objective.
        options: For a spec or class: its options; by default, their defaults.
        expected_failures: Checks that the objective cannot pass, each with the reason. One that passes is a failure.
        completions: What to score instead of the kit's samples; needed for columns that are no free text.

    Raises:
        CheckFailedError: At least one check failed.
        UPOError: The factory makes no objective, or a check named in ``expected_failures`` does not exist.
    """
    subject = make_subject(factory, options=options, completions=completions)
    results = list(check_subject(subject, expected_failures))
    failures = [result for result in results if result.outcome == "failed"]
    if failures:
        lines = [f"{result.name}\n  {result.reason}" for result in failures]
        raise CheckFailedError(
            expected=f"that {subject.label} passes every check",
            got=f"{len(failures)} of {len(results)} checks failed\n\n" + "\n\n".join(lines) + "\n",
            fix="mend the first one first; the others may follow from it",
        )
    return results


def run_checks(
    factory: Factory,
    *,
    options: BaseModel | Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    completions: Sequence[Completion] | None = None,
) -> list[CheckResult]:
    """Run every check that applies and return the results; the arguments are those of :func:`check_objective`.

    Raises:
        UPOError: The factory makes no objective, or a check named in ``expected_failures`` does not exist.
    """
    return list(check_subject(make_subject(factory, options=options, completions=completions), expected_failures))


def check_subject(subject: Subject, expected_failures: Mapping[str, str] | None = None) -> Iterator[CheckResult]:
    """Run every check on a subject, one by one.

    Raises:
        ConfigError: A check named in ``expected_failures`` does not exist.
    """
    expected = known_expectations(subject, expected_failures)
    failed: set[str] = set()
    for item in checks_for(subject.kind):
        failure, skipped = _run(item, subject, failed)
        if failure is not None:
            failed.add(item.name)
        yield _judge(item.name, failure, skipped, expected.get(item.name))


def known_expectations(subject: Subject, expected_failures: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the expected failures, all of which name checks.

    Raises:
        ConfigError: One does not.
    """
    known = [item.name for item in checks_for(subject.kind)]
    for name in expected_failures or {}:
        if name not in known:
            raise ConfigError(
                f"there is no check '{name}' for {subject.kind} objectives",
                where="expected_failures",
                fix=f"{did_you_mean(name, known)}known: {', '.join(known)}",
            )
    return expected_failures or {}


def _run(item: Check, subject: Subject, failed: set[str]) -> tuple[CheckFailedError | None, str | None]:
    """Return the failure, or why it was skipped, or neither."""
    try:
        return None, item(subject)
    except CheckFailedError as failure:
        return (None, explained_by(failure)) if failure.root in failed else (failure, None)


def explained_by(failure: CheckFailedError) -> str:
    """Say which more basic failure explains this one."""
    return f"{failure.root} fails, which explains it"


def _judge(name: str, failure: CheckFailedError | None, skipped: str | None, expected: str | None) -> CheckResult:
    if expected is not None and failure is None:
        outcome = f"was skipped: {skipped}" if skipped else "passed"
        reason = f"expected: that it fails ({expected})\n  got: it {outcome}\n  fix: take it out of expected_failures"
        return CheckResult(name=name, outcome="failed", reason=reason)
    if failure is None:
        return CheckResult(name=name, outcome="skipped" if skipped else "passed", reason=skipped or "")
    if expected is not None:
        return CheckResult(name=name, outcome="expected", reason=expected)
    return CheckResult(name=name, outcome="failed", reason=str(failure))
