"""Which installed distributions offer plugins, and which of them may load; decided from metadata, before any import."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from upo_sdk.errors import PluginError, did_you_mean
from upo_sdk.plugin.installed import BUILTIN_DISTRIBUTION, PluginCandidate, read_candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import PluginPolicy

__all__ = ["BUILTIN_DISTRIBUTION", "ENTRY_POINT_GROUP", "PluginCandidate", "check_required", "discover"]

ENTRY_POINT_GROUP = "upo"


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
        for candidate in read_candidates(distribution, ENTRY_POINT_GROUP):
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
