"""Secrets in addresses, taken out of every text that a person, a log or a file may see."""

from __future__ import annotations

import re

__all__ = ["HIDDEN", "redact"]

HIDDEN = "***"

_USER = re.compile(r"(?<=://)[^/?#@\s'\"]+(?=@)")
_PARAMETER = re.compile(
    r"([?&](?:[\w.-]*[_.-])?(?:api|access)?(?:key|token|secret|password|passwd|signature|sig|auth|credential|code)s?=)"
    r"[^&#\s,'\"]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace user names, passwords and query parameters that are named like secrets; all else stays as it is."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _USER.sub(HIDDEN, text))
