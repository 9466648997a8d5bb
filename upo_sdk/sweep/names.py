"""Names of points: readable, unique, and fit for a folder on any system."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["point_name"]

_UNFIT = re.compile(r"[^\w.=,+@-]+")
_LONGEST = 120
_DIGEST = 8


def point_name(values: Mapping[str, str], taken: Collection[str] = ()) -> str:
    """Return a name like ``toxicity=0.1,dpo.beta=0.05``; a digest is added to names that are equal or too long.

    Args:
        values: The value of every axis, by key.
        taken: Names of other points; upper and lower case do not differ.
    """
    written = ",".join(f"{key}={value}" for key, value in values.items()) or "all"
    name = _UNFIT.sub("-", written).strip("-.")
    if len(name) > _LONGEST or name.casefold() in {other.casefold() for other in taken}:
        digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
        name = f"{name[: _LONGEST - _DIGEST - 1]}-{digest}"
    return name
