"""What is installed, read so that one broken installation is a finding and never an exception."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.metadata import Distribution

__all__ = ["BUILTIN_DISTRIBUTION", "Installed", "PluginCandidate", "read_installed"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A distribution.

    Attributes:
        name: Canonical; of a broken installation what its folder is called.
        version: Empty if it cannot be read.
        entry_points: Of the group that was asked for.
        raw: The text of the file of entry points if it cannot be parsed.
        broken: What is wrong with the installation, in words, or nothing.
        requires: As written.
        place: Its folder.
    """

    name: str
    version: str
    entry_points: Sequence[EntryPoint]
    raw: bytes
    broken: str
    requires: Sequence[str]
    place: str

    def candidates(self, group: str) -> Iterator[PluginCandidate]:
        """Yield its entry points of a group; if they cannot be read, one that stands for them."""
        if f"[{group}]".encode() in self.raw:
            yield self._candidate(EntryPoint(name=self.name, value="?", group=group), self.broken)
            return
        wrong = self.broken or self._other_version()
        for entry_point in self.entry_points:
            bad = f"'{entry_point.value}' is no path of a module"
            yield self._candidate(entry_point, wrong or ("" if _is_path(entry_point) else bad))

    def _candidate(self, entry_point: EntryPoint, wrong: str) -> PluginCandidate:
        right = "built in" if self.name == BUILTIN_DISTRIBUTION else "installed"
        again = f"delete {self.place}, or install {self.name} again" if self.broken else ""
        return PluginCandidate(
            name=entry_point.name,
            module=entry_point.value,
            distribution=self.name,
            version=self.version,
            entry_point=entry_point,
            status="failed" if wrong else "allowed",
            reason=wrong or right,
            fix=again or (f"pip install --upgrade {self.name}" if wrong else ""),
        )

    def _other_version(self) -> str:
        """Return which version of the SDK it was made for, if it is not this one."""
        try:
            here = version(BUILTIN_DISTRIBUTION)
        except PackageNotFoundError:
            return ""
        for text in self.requires:
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


def read_installed(distribution: Distribution, group: str) -> Installed | None:
    """Read what a distribution says of itself, or return None if it has no entry points of a group; nothing raises."""
    place = _place(distribution)
    points: Sequence[EntryPoint] = ()
    raw, broken = b"", ""
    try:
        points = tuple(point for point in distribution.entry_points if point.group == group)
    except Exception as error:  # noqa: BLE001 - whatever a file that is half written makes a parser raise
        raw = _raw(place)
        broken = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
    if not points and not raw:
        return None  # before its METADATA is parsed, which takes far longer
    name = _text(distribution, "Name")
    broken = broken or ("" if name else "its METADATA is missing or has no name")
    return Installed(
        name=canonicalize_name(name or place.name.rpartition(".")[0].partition("-")[0] or "?"),
        version=_text(distribution, "Version"),
        entry_points=points,
        raw=raw,
        broken=broken,
        requires=_requires(distribution) if name else (),
        place=str(place),
    )


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
