"""Labels as people write them: true, 1, 1.0, yes, and the same words as text, which is all that CSV knows."""

from __future__ import annotations

from typing import Any

from upo_sdk.data.problems import RowError, is_nothing, kind_of

__all__ = ["better_of_two", "is_desirable"]

_DESIRABLE = {
    **dict.fromkeys(("true", "yes", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "0", "0.0"), False),
}
_SECOND_IS_BETTER = {"0": False, "0.0": False, "1": True, "1.0": True}


def is_desirable(value: object, column: str) -> bool:
    """Return whether a label calls its completion desirable.

    Raises:
        RowError: It is none.
    """
    return _read(value, _DESIRABLE, column, "true or false (also read: 1 and 0, yes and no)")


def better_of_two(value: object, column: str) -> int:
    """Return which of two responses is better, 0 or 1.

    Raises:
        RowError: The value is neither.
    """
    return int(_read(None if isinstance(value, bool) else value, _SECOND_IS_BETTER, column, "0 or 1", given=value))


def _read(value: object, words: dict[str, bool], column: str, allowed: str, *, given: Any = None) -> bool:
    if isinstance(value, bool | int | float | str):
        found = words.get(str(value).strip().lower())
        if found is not None:
            return found
    shown = value if given is None else given
    plain = isinstance(shown, str | int | float) and not isinstance(shown, bool) and not is_nothing(shown)
    raise RowError(column, f"is {repr(shown) if plain else kind_of(shown)}, not {allowed}")
