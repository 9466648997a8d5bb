"""Which addresses a user may write down."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from upo_sdk.redaction import HIDDEN, redact

__all__ = ["Url", "is_in_the_clear"]


def _check(url: str) -> str:
    try:
        parts = urlsplit(url)
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        msg = "write http://HOST/PATH or https://HOST/PATH"
        raise ValueError(msg)
    if HIDDEN in redact(url) and HIDDEN not in url:
        msg = "a URL is written to logs and files, so no password or key may be in it: name the variable that holds it"
        raise ValueError(msg)
    return url


Url = Annotated[str, AfterValidator(_check)]
"""An address with a host, and without a password or key."""


def is_in_the_clear(url: str) -> bool:
    """Return whether what is sent there can be read on the way: plain HTTP to another machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost":
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True
