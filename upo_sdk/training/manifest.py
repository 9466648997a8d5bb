"""``run.json``: everything that is needed to say what a run was made of."""

from __future__ import annotations

import platform
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import Fingerprinted
from upo_sdk.redaction import redact
from upo_sdk.training.origins import data_origin, model_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from upo_sdk.events import ScoreStatistics
    from upo_sdk.objectives.build import LiveObjective
    from upo_sdk.plan import RunPlan
    from upo_sdk.result import AlignResult
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.preparation import Split

__all__ = ["findings", "finished", "make_manifest", "now"]

_PACKAGES = ("upo-sdk", "torch", "transformers", "accelerate", "datasets", "safetensors", "textstat", "detoxify")


def make_manifest(
    plan: RunPlan,
    *,
    weights_sha256: str,
    statistics: Sequence[ScoreStatistics],
    normalizers: Mapping[str, ZScore | Rank],
    layout: str,
    resumed_from: Path | None,
    skipped: Sequence[Mapping[str, str]],
    command: Sequence[str],
) -> dict[str, Any]:
    """Describe a run that is about to train; its objectives are set up, so their scorers are known."""
    return {
        "started": now(),
        "command": redact(shlex.join(command)),
        "software": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "model": {
            "path": plan.model.path,
            "revision": plan.model.revision,
            "weights_sha256": weights_sha256,
            "origin": model_origin(plan.model.path, plan.model.revision, is_demo=plan.is_demo),
        },
        "data": {
            "description": plan.data.description,
            "fingerprint": plan.data.fingerprint,
            "conversational": plan.data.conversational,
            "origin": data_origin(plan.data_config.path),
        },
        "objectives": [_describe(item) for item in plan.objectives],
        "held_out": [_describe(item) for item in plan.held_out],
        "skipped": list(skipped),
        "scores": [asdict(item) for item in statistics],
        "normalization": {label: normalizer.summary() for label, normalizer in normalizers.items()},
        "seed": plan.config.training.seed,
        "layout": layout,
        "resumed_from": str(resumed_from) if resumed_from else None,
    }


def findings(*splits: Split | None) -> dict[str, list[dict[str, Any]]]:
    """Describe where data, scores and what is learned differ, by split."""
    return {split.name: [asdict(item) for item in split.findings] for split in splits if split}


def finished(result: AlignResult) -> dict[str, Any]:
    """Describe how a run ended."""
    return {
        "status": result.status,
        "finished": now(),
        "steps": result.steps,
        "explanation": result.explanation,
        "before_after": [asdict(item) for item in result.before_after],
    }


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _describe(item: LiveObjective) -> dict[str, Any]:
    objective = item.objective
    return {
        "label": item.label,
        "objective": str(item.ref),
        "kind": "preference" if item.is_preference else "auxiliary",
        "weight": item.weight,
        "schedule": item.ref.schedule,
        "options": item.options.model_dump(mode="json") if item.options else {},
        "distribution": item.distribution,
        "version": item.version,
        "target": item.target,
        "code_sha256": item.target_sha256,
        "fingerprint": dict(objective.fingerprint()) if isinstance(objective, Fingerprinted) else {},
    }
