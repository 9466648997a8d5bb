"""Names with a target, ``NAME:TARGET`` or a URL: where name, target and weight end.

Which names take a target is not known here: plugins register them. Whatever stands behind a colon and is no weight is a
target; the registry says later what it means.
"""

from __future__ import annotations

import re

__all__ = ["join_target", "match_targeted", "split_target"]

_NAME = r"[A-Za-z_][\w-]+"  # a single letter is a Windows drive
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
_WEIGHT = r"\s*[-+]?(?:\.?\d[^:/]*|inf(?:inity)?|nan)"
_END = rf"(?=:{_WEIGHT}$|$)"
# A colon and digits right behind the host are its port; a weight follows a path, a port, or has a decimal point.
_AUTHORITY = r"(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]+)(?::\d+(?=[:/?#]|$))?"
_URL = re.compile(rf"(?:{_NAME}:)?{_SCHEME}://{_AUTHORITY}(?:[/?#].*?)?{_END}")
_TARGETED = re.compile(rf"{_NAME}:(?!{_WEIGHT}$).+?{_END}")
_SPLIT_URL = re.compile(rf"(?:({_NAME}):)?(({_SCHEME})://.*)", re.DOTALL)
_SPLIT = re.compile(rf"({_NAME}):(.+)", re.DOTALL)


def match_targeted(head: str) -> re.Match[str] | None:
    """Return the match of ``NAME:TARGET`` at the start of ``NAME:TARGET[:WEIGHT]``, or None if it is no such form."""
    return _URL.match(head) or _TARGETED.match(head)


def split_target(name: str) -> tuple[str, str]:
    """Return name and target of ``NAME:TARGET`` or of a URL; the target of any other name is empty.

    A URL alone is a target of the objective that is named as its scheme; ``https`` counts as ``http``.
    """
    if found := _SPLIT_URL.fullmatch(name):
        name, url, scheme = found.groups()
        bare = re.fullmatch(r"[^/]+://[^/?#]+", url)  # with a path, a weight behind it cannot be read as a port
        return name or ("http" if scheme == "https" else scheme), f"{url}/" if bare else url
    found = _SPLIT.fullmatch(name)
    return (found[1], found[2]) if found else (name, "")


def join_target(name: str, target: str) -> str:
    """Return what :func:`split_target` splits."""
    if not target:
        return name
    return target if "://" in target and split_target(target)[0] == name else f"{name}:{target}"
