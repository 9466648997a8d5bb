"""Keys of the cache: SHA-256 values of all that a result depends on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upo_sdk.arrays import KeyArray

__all__ = ["content_key", "raw_keys"]


def content_key(*parts: Any) -> bytes:
    """Return the SHA-256 of values that JSON can write; equal content gives an equal key in every process."""
    written = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest()


def raw_keys(keys_N: KeyArray) -> list[bytes]:
    """Return the keys in an array, whole: numpy drops zeros at the end."""
    return [key.ljust(32, b"\0") for key in keys_N.tolist()]
