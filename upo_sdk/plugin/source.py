"""The hash of an objective's code, for the manifest and the score cache."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

__all__ = ["source_sha256"]


def source_sha256(module: str) -> str:
    """Return the SHA-256 of a module's source, with that of all modules beside and below it in its package.

    A module outside any package is hashed alone; one without a source file gives an empty string.
    """
    found = find_spec(module)
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return ""
    origin = Path(found.origin)
    sources = sorted(origin.parent.rglob("*.py")) if "." in module else [origin]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{source.relative_to(origin.parent).as_posix()}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()
