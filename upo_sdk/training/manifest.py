"""``run.json``: everything that is needed to say what a run was made of."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import Fingerprinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives.build import LiveObjective

__all__ = ["describe_objectives", "describe_software", "now"]

_PACKAGES = ("upo-sdk", "torch", "transformers", "accelerate", "datasets", "safetensors", "textstat", "detoxify")


def describe_software() -> dict[str, str]:
    """Return the versions a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def describe_objectives(objectives: Sequence[LiveObjective]) -> list[dict[str, Any]]:
    """Return name, origin, hash, options and scorer of every objective; call it after they are set up."""
    return [
        {
            "label": item.label,
            "objective": str(item.ref),
            "kind": "preference" if item.is_preference else "auxiliary",
            "weight": item.weight,
            "options": item.options.model_dump(mode="json") if item.options else {},
            "distribution": item.distribution,
            "version": item.version,
            "target": item.target,
            "code_sha256": item.target_sha256,
            **(
                {"fingerprint": dict(item.objective.fingerprint())} if isinstance(item.objective, Fingerprinted) else {}
            ),
        }
        for item in objectives
    ]


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
