"""Secrets in addresses, taken out of every text that a person, a log or a file may see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HIDDEN", "redact", "without_secrets"]

HIDDEN = "***"

_USER = re.compile(r"(?<=://)[^/?#@\s'\"]+(?=@)")
_PARAMETER = re.compile(
    r"([?&](?:[\w.-]*[_.-])?(?:api|access)?(?:key|token|secret|password|passwd|signature|sig|auth|credential|code)s?=)"
    r"[^&#\s,'\"]+",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(
    r"(^|[_.-])(api_?key|access_?key|key|token|secret|password|passwd|credentials?|authorization)s?$", re.IGNORECASE
)


def redact(text: str) -> str:
    """Replace user names, passwords and query parameters that are named like secrets; all else stays as it is."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _USER.sub(HIDDEN, text))


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with every text redacted and the text of every setting named like a secret hidden."""
    return {
        name: HIDDEN if isinstance(value, str) and value and _SECRET_NAME.search(name) else _redacted(value)
        for name, value in values.items()
    }


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return without_secrets(value)
    return [_redacted(item) for item in value] if isinstance(value, list | tuple) else value
