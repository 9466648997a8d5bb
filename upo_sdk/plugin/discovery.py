"""Which installed distributions offer plugins, and which of them may load; decided from metadata, before any import."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, PackageNotFoundError, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from upo_sdk.errors import PluginError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

    from upo_sdk.config import PluginPolicy

__all__ = [
    "BUILTIN_DISTRIBUTION",
    "ENTRY_POINT_GROUP",
    "PluginCandidate",
    "check_required",
    "discover",
]

ENTRY_POINT_GROUP = "upo"

BUILTIN_DISTRIBUTION = "upo-sdk"

Status = Literal["allowed", "blocked", "refused", "shadowed", "loaded", "failed"]


def discover(policy: PluginPolicy) -> list[PluginCandidate]:
    """List every candidate with its status; nothing of a plugin is imported."""
    return _refuse_duplicates([_judge(candidate, policy) for candidate in _installed()])


def check_required(policy: PluginPolicy, found: Sequence[PluginCandidate]) -> list[PluginError]:
    """Return one error per required distribution that is not installed, or that may not load."""
    errors = (_missing(canonicalize_name(required), found) for required in policy.require)
    return [error for error in errors if error is not None]


def _installed() -> list[PluginCandidate]:
    """Return the entry points of everything installed; what cannot be read is a candidate that failed."""
    found: dict[tuple[str, str, str], PluginCandidate] = {}
    versions: dict[str, str] = {}
    for distribution in distributions():
        for candidate in _read_candidates(distribution):
            used = versions.setdefault(candidate.distribution, candidate.version)
            key = (candidate.distribution, candidate.name, candidate.module)
            if used == candidate.version:
                found.setdefault(key, candidate)
            elif candidate.status == "allowed":
                reason = f"{candidate.distribution} is installed twice, and version {used} comes first on the path"
                second = replace(candidate, status="shadowed", reason=reason)
                found.setdefault((*key[:2], f"{candidate.module} {candidate.version}"), second)
    return sorted(found.values(), key=lambda item: (not item.builtin, item.distribution, item.name))


def _missing(required: str, found: Sequence[PluginCandidate]) -> PluginError | None:
    candidates = [candidate for candidate in found if candidate.distribution == required]
    if not candidates:
        names = sorted({candidate.distribution for candidate in found})
        return PluginError(
            f"the required plugin distribution '{required}' is not installed",
            where="`plugins.require`",
            fix=f"{did_you_mean(required, names)}pip install {required}",
        )
    blocked = [candidate.reason for candidate in candidates if candidate.status == "blocked"]
    if not blocked:
        return None
    return PluginError(
        f"the required plugin distribution '{required}' may not load: {blocked[0]}",
        where="`plugins.require`",
        fix=f"allow it (`plugins.allow={required}`), or do not require it",
    )


def _judge(candidate: PluginCandidate, policy: PluginPolicy) -> PluginCandidate:
    if candidate.status != "allowed":
        return candidate
    if candidate.distribution in _canonical(policy.block):
        return replace(candidate, status="blocked", reason="in the block list")
    if candidate.builtin or policy.allow == "auto":
        return candidate
    if policy.allow == "none":
        return replace(candidate, status="blocked", reason="third-party plugins are not allowed")
    if candidate.distribution in _canonical(policy.allow):
        return replace(candidate, reason="in the allow list")
    return replace(candidate, status="blocked", reason="not in the allow list")


def _canonical(names: tuple[str, ...]) -> set[str]:
    return {canonicalize_name(name) for name in names}


def _refuse_duplicates(found: list[PluginCandidate]) -> list[PluginCandidate]:
    claims: dict[str, set[str]] = defaultdict(set)
    for candidate in found:
        if candidate.status == "allowed":
            claims[candidate.name].add(candidate.distribution)
    return [_refused(candidate, claims[candidate.name]) for candidate in found]


def _refused(candidate: PluginCandidate, claims: set[str]) -> PluginCandidate:
    """Return the candidate, refused if it is allowed and distributions other than its own claim the name."""
    others = claims - {candidate.distribution}
    if candidate.status != "allowed" or not others:
        return candidate
    reason = f"'{candidate.name}' is also claimed by {', '.join(sorted(others))}"
    return replace(candidate, status="refused", reason=reason)


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


def _read_candidates(distribution: Distribution) -> list[PluginCandidate]:
    """Return the entry points that a distribution offers; nothing raises.

    If its entry points cannot be read, one candidate stands for them.
    """
    place, raw, broken = _place(distribution), b"", ""
    points: Sequence[EntryPoint] = ()
    try:
        points = tuple(point for point in distribution.entry_points if point.group == ENTRY_POINT_GROUP)
    except Exception as error:  # noqa: BLE001 - whatever a file that is half written makes a parser raise
        raw = _raw(place)
        broken = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
    if not points and f"[{ENTRY_POINT_GROUP}]".encode() not in raw:
        return []  # before its METADATA is parsed, which takes far longer
    written = _text(distribution, "Name")
    name = canonicalize_name(written or place.name.rpartition(".")[0].partition("-")[0] or "?")
    broken = broken or ("" if written else "its METADATA is missing or has no name")
    wrong = broken or _other_version(_requires(distribution))
    fix = f"delete {place}, or install {name} again" if broken else f"pip install --upgrade {name}"
    candidates = list[PluginCandidate]()
    for point in points or [EntryPoint(name=name, value="?", group=ENTRY_POINT_GROUP)]:
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
