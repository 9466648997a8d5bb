"""``run.json``: everything that is needed to say what a run was made of."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upo_sdk.config.sections import Change
from upo_sdk.data.common_chat import common_chat
from upo_sdk.errors import OutputError
from upo_sdk.objectives import Fingerprinted
from upo_sdk.redaction import redact
from upo_sdk.training.checkpoints import TRAINED_WITH
from upo_sdk.training.origins import data_origin, model_origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.events import ScoreStatistics
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.result import AlignResult
    from upo_sdk.scoring import Rank, ZScore
    from upo_sdk.training.preparation import Split

__all__ = [
    "TrainedWith",
    "check_unchanged",
    "findings",
    "finished",
    "make_manifest",
    "now",
    "read_trained_with",
]


_PACKAGES = ("upo-sdk", "torch", "transformers", "accelerate", "datasets", "safetensors", "textstat", "detoxify")


class TrainedWith(BaseModel):
    """What decides the weights that a run ends with; each field is a name of ``training.allow_changed``.

    A field is None where it is not known yet. Places are no part of it: model and data may have been moved.

    Attributes:
        changed_on_resuming: What has differed since its first step, by field: one line for each checkpoint that was
            resumed with something else.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    model: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    tokenizer: dict[str, Any] | None = None
    objectives: dict[str, Any] | None = None
    plugins: dict[str, Any] | None = None
    scorers: dict[str, Any] | None = None
    loss: dict[str, Any] | None = None
    batch: dict[str, Any] | None = None
    ranks: dict[str, Any] | None = None
    seed: dict[str, Any] | None = None
    learning_rate: dict[str, Any] | None = None
    optimizer: dict[str, Any] | None = None
    steps: dict[str, Any] | None = None
    changed_on_resuming: dict[str, list[str]] = Field(default_factory=dict)

    @classmethod
    def of(
        cls, plan: RunPlan, tokenizer: PreTrainedTokenizerBase, ranks: int, weights_sha256: str | None = None
    ) -> TrainedWith:
        """Describe a plan; without weights, its objectives need not be set up, and neither is told of."""
        training, model, data = plan.config.training, plan.model, plan.data_config
        accumulated = training.gradient_accumulation_steps * ranks
        rows = training.per_device_train_batch_size
        by_rows = {"rows": rows * accumulated}
        if training.train_sampling_strategy != "random":  # then rows share a batch for a reason
            by_rows = {"rows": rows, "batches": accumulated}
        budget = training.tokens_per_batch
        constant = training.lr_scheduler_type.startswith("constant")
        weights = weights_sha256 and {
            "weights_sha256": weights_sha256,
            "dtype": model.dtype,
            "dropout": model.dropout,
        }
        return cls(
            model=weights or None,
            data={"fingerprint": plan.data.fingerprint, **data.model_dump(mode="json", exclude=_IN_THE_FINGERPRINT)},
            tokenizer={**_tokenizer_hashes(tokenizer), "chat_template_date": _text(model.chat_template_date)},
            objectives={item.label: str(item.ref) for item in plan.objectives},
            plugins={item.label: _code(item) for item in plan.objectives},
            scorers={item.label: _scorer(item) for item in plan.objectives} if weights else None,
            loss=plan.config.loss.model_dump(mode="json", by_alias=True),
            batch={
                **({"tokens": budget, "batches": accumulated} if budget else by_rows),
                "train_sampling_strategy": training.train_sampling_strategy,
            },
            ranks={"processes": ranks},
            seed={"seed": training.seed},
            learning_rate=training.model_dump(
                mode="json", include={"learning_rate", "lr_scheduler_type", "warmup_steps"}
            ),
            optimizer=training.model_dump(
                mode="json", include={"optim", "weight_decay", "max_grad_norm", "bf16", "arguments"}
            ),
            steps={"rows": len(plan.data.train), **({} if constant else {"steps": plan.steps})},
        )

    def changes(self, now: TrainedWith) -> dict[str, str]:
        """Return what differs from ``now``, by field: old and new values in words; what is unknown does not differ."""
        found = dict[str, str]()
        for name in get_args(Change):
            old, new = getattr(self, name), getattr(now, name)
            if old is not None and new is not None and old != new:
                keys = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
                found[name] = ", ".join(f"{key} {_short(old.get(key))} → {_short(new.get(key))}" for key in keys)
        return found

    def resumed(self, checkpoint: Path, changed: Mapping[str, str]) -> TrainedWith:
        """Return the record of a run that resumes from a checkpoint with allowed changes: it keeps earlier ones."""
        kept = dict(read_trained_with(checkpoint).changed_on_resuming)
        for name, text in changed.items():
            kept[name] = [*kept.get(name, ()), f"{text}, from {checkpoint.name}"]
        return self.model_copy(update={"changed_on_resuming": kept})


def read_trained_with(checkpoint: Path) -> TrainedWith:
    """Read what a checkpoint was trained with; nothing is known of one that was made before this was recorded.

    Raises:
        OutputError: The file is not of this form.
    """
    file = checkpoint / TRAINED_WITH
    try:
        return TrainedWith.model_validate_json(file.read_bytes()) if file.is_file() else TrainedWith()
    except ValidationError as error:
        raise OutputError(
            "the record of what the checkpoint was trained with cannot be read",
            where=str(file),
            fix="resume from another checkpoint",
        ) from error


def check_unchanged(checkpoint: Path, now: TrainedWith, allowed: Sequence[Change]) -> dict[str, str]:
    """Compare a run with the checkpoint that it resumes from, and return the allowed changes, by name.

    Raises:
        OutputError: Something else changed; it lists old and new.
    """
    changes = read_trained_with(checkpoint).changes(now)
    refused = {name: text for name, text in changes.items() if name not in allowed}
    if refused:
        settings = " ".join(f"`training.allow_changed={name}`" for name in refused)
        raise OutputError(
            "the run that is resumed was made with something else: "
            + "; ".join(f"{name}: {text}" for name, text in refused.items()),
            where=str(checkpoint),
            fix=f"give what it was made with, or resume all the same: {settings}",
        )
    return changes


def make_manifest(
    plan: RunPlan,
    *,
    trained_with: TrainedWith,
    statistics: Sequence[ScoreStatistics],
    normalizers: Mapping[str, ZScore | Rank],
    layout: str,
    resumed: Path | None,
    skipped: Sequence[Mapping[str, str]],
    command: Sequence[str],
) -> dict[str, Any]:
    """Describe a run that is about to train; its objectives are set up, so their scorers are known.

    Args:
        plan: Of the run.
        trained_with: Of the run, with the weights of the base model.
        statistics: Of the rewards.
        normalizers: Of the rewards, by label.
        layout: Name of the policy's layout.
        resumed: The checkpoint that is resumed.
        skipped: Objectives that failed and were left out.
        command: What the user typed.
    """
    return {
        "started": now(),
        "command": redact(shlex.join(command)),
        "software": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "model": {
            "path": plan.model.path,
            "revision": plan.model.revision,
            "weights_sha256": (trained_with.model or {}).get("weights_sha256"),
            "origin": model_origin(plan.model.path, plan.model.revision, is_demo=plan.is_demo),
        },
        "data": {
            "description": plan.data.description,
            "fingerprint": plan.data.fingerprint,
            "conversational": plan.data.conversational,
            "chat": common_chat(plan.data.train) if plan.data.conversational else None,
            "origin": data_origin(plan.data_config.path),
        },
        "objectives": [_describe(item) for item in plan.objectives],
        "held_out": [_describe(item) for item in plan.held_out],
        "skipped": list(skipped),
        "scores": [asdict(item) for item in statistics],
        "normalization": {label: normalizer.summary() for label, normalizer in normalizers.items()},
        "seed": plan.config.training.seed,
        "layout": layout,
        "resumed_from": str(resumed) if resumed else None,
        "changed_on_resuming": trained_with.changed_on_resuming,
        "trained_with": trained_with.model_dump(mode="json", exclude={"changed_on_resuming"}),
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
        "fingerprint": _scorer(item),
    }


def _code(item: LiveObjective) -> str:
    """Return which code computes an objective."""
    return " ".join(filter(None, (item.distribution, item.version, item.target_sha256)))


def _scorer(item: LiveObjective) -> dict[str, Any]:
    """Return what an objective scores with; it is set up."""
    return dict(item.objective.fingerprint()) if isinstance(item.objective, Fingerprinted) else {}


def _tokenizer_hashes(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return hashes of the vocabulary with its rules, and of the chat template."""
    backend: Any = getattr(tokenizer, "backend_tokenizer", None)
    rules = _lasting(backend) if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    special = json.dumps(tokenizer.special_tokens_map, sort_keys=True, default=str)
    template = json.dumps(getattr(tokenizer, "chat_template", None), sort_keys=True)
    return {
        "vocabulary_sha256": hashlib.sha256((rules + special).encode()).hexdigest(),
        "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest(),
    }


def _lasting(backend: Any) -> str:
    """Return a tokenizer of Rust as JSON without what its last call left in it."""
    written: dict[str, Any] = json.loads(backend.to_str())
    return json.dumps({**written, "truncation": None, "padding": None}, sort_keys=True)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _short(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return _HASH.sub(r"\1…", text)


_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")
_IN_THE_FINGERPRINT = {"path", "split", "eval_path", "eval_split", "columns", "format", "max_rows"}
"""Settings of the data that say where rows come from: the fingerprint is of the rows."""
