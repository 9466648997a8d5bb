"""Names with a target, ``hf:org/model`` or a URL: where name, target and weight end, and which label is short."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SCHEMES", "default_label", "join_target", "match_targeted", "split_target"]

_LABELS: dict[str, Callable[[str], str]] = {
    "column": lambda target: target,
    "hf": lambda target: re.split(r"[/\\]", target.rstrip("/\\"))[-1],
    "http": lambda target: urlsplit(target).hostname or target,
    "trl": lambda target: re.split(r"[.:]", target)[-1],
}

SCHEMES = tuple(_LABELS)
"""Objectives whose text form is ``NAME:TARGET[:WEIGHT]``; their specs say which option the target sets."""

_WEIGHT = r"[-+]?(?:\d|\.\d|inf|nan)[^:/]*"
_END = rf"(?=:{_WEIGHT}$|$)"
# A colon and digits right behind the host are its port; a weight follows a path, a port, or has a decimal point.
_AUTHORITY = r"(?:[^/?#@]*@)?(?:\[[^\]]*\]|[^/?#:]+)(?::\d+(?=[:/?#]|$))?"
_URL = re.compile(rf"(?:http:)?https?://{_AUTHORITY}(?:[/?#].*?)?{_END}")
_TARGETED = re.compile(rf"(?:{'|'.join(SCHEMES)}):(?!{_WEIGHT}$).+?{_END}")


def match_targeted(head: str) -> re.Match[str] | None:
    """Return the match of ``NAME:TARGET`` at the start of ``NAME:TARGET[:WEIGHT]``, or None if it is no such form."""
    return _URL.match(head) or _TARGETED.match(head)


def split_target(name: str) -> tuple[str, str]:
    """Return name and target of ``hf:org/model`` or of a URL; the target of any other name is empty."""
    if re.match(r"(http:)?https?://", name):
        url = name.removeprefix("http:") if name.startswith("http:http") else name
        bare = re.fullmatch(r"https?://[^/?#]+", url)
        return "http", f"{url}/" if bare else url  # with a path, a weight behind it cannot be read as a port
    scheme, colon, target = name.partition(":")
    return (scheme, target) if colon and scheme in SCHEMES else (name, "")


def join_target(name: str, target: str) -> str:
    """Return what :func:`split_target` splits."""
    if not target:
        return name
    return target if name == "http" else f"{name}:{target}"


def default_label(name: str, target: str) -> str:
    """Return the label of an objective that was given none: the part of its target that tells it from others."""
    return _LABELS[name](target) if target and name in _LABELS else name
