"""Every check is proved by an objective with the mistake it is there for, and by good ones that it lets pass."""

from __future__ import annotations

import pytest
from catalogue import Example, examples

from upo_sdk.testing import run_checks
from upo_sdk.testing.checks import checks_for

EXAMPLES = {example.spec.name: example for example in examples()}
MUTANTS = {name: example for name, example in EXAMPLES.items() if example.caught_by}
GOOD = {name: example for name, example in EXAMPLES.items() if not example.caught_by}


def failures(example: Example) -> dict[str, str]:
    return {result.name: result.reason for result in run_checks(example.spec) if result.outcome == "failed"}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_fails_its_own_check_and_no_other_than_is_said(name: str) -> None:
    assert set(failures(MUTANTS[name])) == MUTANTS[name].failures


@pytest.mark.parametrize("name", GOOD)
def test_a_good_objective_fails_nothing(name: str) -> None:
    assert failures(GOOD[name]) == {}


def test_every_check_has_a_mistake_that_it_catches() -> None:
    checks = {check.name for kind in ("auxiliary", "preference") for check in checks_for(kind)}
    assert {example.caught_by for example in MUTANTS.values()} == checks
    assert len(MUTANTS) >= 25
