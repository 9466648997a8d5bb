"""The conformance kit: small named checks that every objective should pass, with and without pytest.

>>> from upo_sdk.testing import check_objective
>>> results = check_objective("length,target=120")

Only :func:`parametrize_checks` and ``upo_sdk.testing.fixtures`` import pytest; nothing here imports torch before a
preference objective is checked.
"""

from upo_sdk.testing.check import CheckFailedError
from upo_sdk.testing.kit import CheckResult, check_objective, run_checks
from upo_sdk.testing.parametrize import parametrize_checks

__all__ = ["CheckFailedError", "CheckResult", "check_objective", "parametrize_checks", "run_checks"]
