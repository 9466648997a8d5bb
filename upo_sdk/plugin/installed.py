"""What is installed, read so that one broken installation is a finding and never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

__all__ = ["BUILTIN_DISTRIBUTION", "PluginCandidate", "read_candidates"]

BUILTIN_DISTRIBUTION = "upo-sdk"

Status = Literal["allowed", "blocked", "refused", "shadowed", "loaded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCandidate:
    """One entry point of one distribution.

    Attributes:
        status: ``allowed`` to load, ``blocked`` by policy, ``refused`` because two distributions claim the name,
            ``shadowed`` by another installation of the same distribution, ``loaded``, or ``failed``: its installation
            is broken, it is for another version, or loading it went wrong.
        reason: Why, in words.
        fix: What to type where nothing was loaded because the installation is broken.
    """

    name: str
    module: str
    distribution: str
    version: str
    entry_point: EntryPoint
    status: Status
    reason: str
    fix: str = ""

    @property
    def builtin(self) -> bool:
        """Whether it ships with the SDK."""
        return self.distribution == BUILTIN_DISTRIBUTION

    @property
    def origin(self) -> str:
        """``NAME VERSION`` of the distribution it comes from."""
        return f"{self.distribution} {self.version}".rstrip()


def read_candidates(distribution: Distribution, group: str) -> list[PluginCandidate]:
    """Return what a distribution offers in a group of entry points; nothing raises.

    If its entry points cannot be read, one candidate stands for them.
    """
    place, raw, broken = _place(distribution), b"", ""
    points: Sequence[EntryPoint] = ()
    try:
        points = tuple(point for point in distribution.entry_points if point.group == group)
    except Exception as error:  # noqa: BLE001 - whatever a file that is half written makes a parser raise
        raw = _raw(place)
        broken = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
    if not points and f"[{group}]".encode() not in raw:
        return []  # before its METADATA is parsed, which takes far longer
    written = _text(distribution, "Name")
    name = canonicalize_name(written or place.name.rpartition(".")[0].partition("-")[0] or "?")
    broken = broken or ("" if written else "its METADATA is missing or has no name")
    wrong = broken or _other_version(_requires(distribution))
    fix = f"delete {place}, or install {name} again" if broken else f"pip install --upgrade {name}"
    candidates = list[PluginCandidate]()
    for point in points or [EntryPoint(name=name, value="?", group=group)]:
        reason = wrong or ("" if _is_path(point) else f"'{point.value}' is no path of a module")
        candidates.append(
            PluginCandidate(
                name=point.name,
                module=point.value,
                distribution=name,
                version=_text(distribution, "Version"),
                entry_point=point,
                status="failed" if reason else "allowed",
                reason=reason or ("built in" if name == BUILTIN_DISTRIBUTION else "installed"),
                fix=fix if reason else "",
            )
        )
    return candidates


def _other_version(requires: Sequence[str]) -> str:
    """Return which version of the SDK a distribution with these requirements is made for, if it is not this one."""
    try:
        here = version(BUILTIN_DISTRIBUTION)
    except PackageNotFoundError:
        return ""
    for text in requires:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and canonicalize_name(requirement.name) == BUILTIN_DISTRIBUTION:
            wanted = requirement.specifier
            fits = wanted.contains(here, prereleases=True)
            return "" if fits else f"it is made for {BUILTIN_DISTRIBUTION}{wanted}, and this is {here}"
    return ""


def _place(distribution: Distribution) -> Path:
    return Path(str(getattr(distribution, "_path", "")))  # it has no public name for it


def _text(distribution: Distribution, key: str) -> str:
    try:
        metadata: Any = distribution.metadata
        found = metadata[key] if metadata is not None else None
    except Exception:  # noqa: BLE001 - see above
        return ""
    return str(found) if found else ""


def _requires(distribution: Distribution) -> Sequence[str]:
    try:
        return tuple(distribution.requires or ())
    except Exception:  # noqa: BLE001 - see above
        return ()


def _raw(place: Path) -> bytes:
    try:
        return (place / "entry_points.txt").read_bytes()
    except OSError:
        return b""


def _is_path(entry_point: EntryPoint) -> bool:
    found = entry_point.pattern.match(entry_point.value)
    return found is not None and found.end() == len(entry_point.value)
