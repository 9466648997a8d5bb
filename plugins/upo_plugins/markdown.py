"""Code inside of a text in Markdown, which no objective of style or tone should read as language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["without_code"]

_FENCE = r"^[ \t]*(?P<fence>```+|~~~+)[^\n]*(?:\n|\Z)(?P<block>.*?)(?:^[ \t]*(?P=fence)[`~]*[ \t]*$|\Z)"
_SPAN = r"(?<!`)(?P<ticks>`{1,2})(?!`)(?P<span>[^`\n]+)(?P=ticks)(?!`)"
_CODE = re.compile(f"{_FENCE}|{_SPAN}", re.MULTILINE | re.DOTALL)


def without_code(text: str, *, keep: Callable[[str], bool] = lambda _code: False) -> str:
    """Return the text with a space in place of every fenced block and of every span between backticks.

    A block that is never closed ends with the text.

    Args:
        text: In Markdown, or without any.
        keep: PointMessage of each piece of code, without its marks; where it returns true, the piece stays.
    """

    def replace(found: re.Match[str]) -> str:
        code: str = found["block"] if found["fence"] else found["span"]
        return f"\n{code}\n" if found["fence"] and keep(code) else f" {code} " if keep(code) else " "

    return _CODE.sub(replace, text) if "`" in text or "~~~" in text else text
