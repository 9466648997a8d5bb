"""Which installed distributions offer plugins, and which of them may load; decided from metadata, before any import."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, distributions
from typing import Literal

from packaging.utils import canonicalize_name

from upo_sdk.config import PluginPolicy
from upo_sdk.errors import PluginError, did_you_mean

__all__ = ["BUILTIN_DISTRIBUTION", "ENTRY_POINT_GROUP", "PluginCandidate", "discover", "policy_from_environment"]

ENTRY_POINT_GROUP = "upo"
BUILTIN_DISTRIBUTION = "upo-sdk"

Status = Literal["allowed", "blocked", "refused", "loaded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCandidate:
    """One entry point of one distribution.

    Attributes:
        status: ``allowed`` to load, ``blocked`` by policy, ``refused`` because two distributions claim the name,
            ``loaded``, or ``failed`` while loading.
        reason: Why, in words.
    """

    name: str
    module: str
    distribution: str
    version: str
    entry_point: EntryPoint
    status: Status
    reason: str

    @property
    def builtin(self) -> bool:
        """Whether it ships with the SDK."""
        return self.distribution == BUILTIN_DISTRIBUTION

    @property
    def origin(self) -> str:
        """``NAME VERSION`` of the distribution it comes from."""
        return f"{self.distribution} {self.version}"


def discover(policy: PluginPolicy) -> list[PluginCandidate]:
    """List every candidate with its status; nothing of a plugin is imported.

    Raises:
        PluginError: A required distribution offers no plugin.
    """
    found = [_judge(candidate, policy) for candidate in _installed()]
    for required in policy.require:
        _check_required(canonicalize_name(required), found)
    return _refuse_duplicates(found)


def policy_from_environment(value: str | None, *, default: Literal["auto", "none"]) -> PluginPolicy:
    """Read ``UPO_PLUGINS``: ``auto``, ``none``, or distribution names separated by commas."""
    match value:
        case None | "":
            return PluginPolicy(allow=default)
        case "auto" | "none":
            return PluginPolicy(allow=value)
        case _:
            return PluginPolicy(allow=tuple(name.strip() for name in value.split(",") if name.strip()))


def _installed() -> list[PluginCandidate]:
    found: dict[tuple[str, str, str], PluginCandidate] = {}
    for distribution in distributions():
        for entry_point in distribution.entry_points.select(group=ENTRY_POINT_GROUP):
            name = canonicalize_name(distribution.metadata["Name"])
            found.setdefault(
                (name, entry_point.name, entry_point.value),
                PluginCandidate(
                    name=entry_point.name,
                    module=entry_point.value,
                    distribution=name,
                    version=distribution.version,
                    entry_point=entry_point,
                    status="allowed",
                    reason="built in" if name == BUILTIN_DISTRIBUTION else "installed",
                ),
            )
    return sorted(found.values(), key=lambda item: (not item.builtin, item.distribution, item.name))


def _check_required(required: str, found: list[PluginCandidate]) -> None:
    candidates = [candidate for candidate in found if candidate.distribution == required]
    if not candidates:
        names = sorted({candidate.distribution for candidate in found})
        raise PluginError(
            f"the required plugin distribution '{required}' is not installed",
            where="plugins.require",
            fix=f"{did_you_mean(required, names)}pip install {required}",
        )
    blocked = [candidate.reason for candidate in candidates if candidate.status == "blocked"]
    if blocked:
        raise PluginError(
            f"the required plugin distribution '{required}' may not load: {blocked[0]}",
            where="plugins.require",
            fix=f"allow it (--plugins {required}), or do not require it",
        )


def _judge(candidate: PluginCandidate, policy: PluginPolicy) -> PluginCandidate:
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
    return [
        replace(
            candidate, status="refused", reason=f"'{candidate.name}' is also claimed by {_others(candidate, claims)}"
        )
        if candidate.status == "allowed" and len(claims[candidate.name]) > 1
        else candidate
        for candidate in found
    ]


def _others(candidate: PluginCandidate, claims: dict[str, set[str]]) -> str:
    return ", ".join(sorted(claims[candidate.name] - {candidate.distribution}))
