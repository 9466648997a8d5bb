"""A condition on a number with a name, for example ``toxicity>0.02``."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import Any

from upo_sdk.errors import ConfigError

__all__ = ["Condition", "parse_condition"]

_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_CONDITION = re.compile(r"(?P<name>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<limit>[^<>=\s]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison with a limit.

    Attributes:
        text: As it was given.
        name: What is compared.
        sign: ``>``, ``<``, ``>=`` or ``<=``.
        limit: Finite.
    """

    text: str
    name: str
    sign: str
    limit: float

    def holds(self, value: Any) -> Any:
        """Return whether it holds for a number, or for each one of an array."""
        return _OPERATORS[self.sign](value, self.limit)


def parse_condition(text: str, setting: str, form: str) -> Condition:
    """Read a condition; the last comparison counts, since names such as ``violations@10%>0.001`` hold one.

    Args:
        text: What was given.
        setting: The key of the setting that gave it.
        form: How to write one.

    Raises:
        ConfigError: It does not have the form, or the limit is no finite number.
    """
    found = _CONDITION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"'{text}' is not a condition", where=f"`{setting}`", fix=form)
    try:
        limit = float(found["limit"])
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ConfigError(f"'{found['limit']}' is not a number", where=f"`{setting}={text}`", fix=form)
    return Condition(text=text, name=found["name"], sign=found["sign"], limit=limit)
