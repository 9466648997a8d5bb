"""From a plan to what decides the weights that its run ends with; a resumed run is compared by it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import OutputError
from upo_sdk.objectives import Fingerprinted
from upo_sdk.records import TrainedWith

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.records import Changeable

__all__ = ["check_unchanged", "describe_training", "scorer_of"]

_IN_THE_FINGERPRINT = {"path", "mixture_seed", "split", "eval_path", "eval_split", "columns", "format", "max_rows"}
"""Settings of the data that say where rows come from: the fingerprint is of the rows."""


def describe_training(
    plan: RunPlan, tokenizer: PreTrainedTokenizerBase, ranks: int, weights_sha256: str | None = None
) -> TrainedWith:
    """Describe a plan; without weights, its objectives need not be set up, and neither is described."""
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
        **({"load_in_4bit": model.load_in_4bit, "load_in_8bit": model.load_in_8bit} if model.is_quantized else {}),
        "dropout": model.dropout,
    }
    return TrainedWith(
        model=weights or None,
        adapter=plan.config.lora.model_dump(mode="json"),
        data={"fingerprint": plan.data.fingerprint, **data.model_dump(mode="json", exclude=_IN_THE_FINGERPRINT)},
        tokenizer={**_tokenizer_hashes(tokenizer), "chat_template_date": _text(model.chat_template_date)},
        objectives={item.label: str(item.ref) for item in plan.objectives},
        plugins={item.label: _code(item) for item in plan.objectives},
        scorers={item.label: scorer_of(item) for item in plan.objectives} if weights else None,
        loss=plan.config.loss.model_dump(mode="json", by_alias=True),
        batch={
            **({"tokens": budget, "batches": accumulated} if budget else by_rows),
            "train_sampling_strategy": training.train_sampling_strategy,
        },
        ranks={"processes": ranks},
        seed={"seed": training.seed},
        learning_rate=training.model_dump(mode="json", include={"learning_rate", "lr_scheduler_type", "warmup_steps"}),
        optimizer=training.model_dump(
            mode="json", include={"optim", "weight_decay", "max_grad_norm", "bf16", "arguments"}
        ),
        steps={"rows": len(plan.data.train), **({} if constant else {"steps": plan.steps})},
    )


def check_unchanged(checkpoint: Path, now: TrainedWith, allowed: Sequence[Changeable]) -> dict[str, str]:
    """Compare a run with the checkpoint that it resumes from, and return the allowed changes, by name.

    Raises:
        OutputError: Something else changed; it lists old and new.
    """
    changes = (TrainedWith.find(checkpoint) or TrainedWith()).changes(now)
    refused = {name: text for name, text in changes.items() if name not in allowed}
    if refused:
        settings = " ".join(f"`training.allow_changed={name}`" for name in refused)
        raise OutputError(
            "the run to resume had other settings or data: "
            + "; ".join(f"{name}: {text}" for name, text in refused.items()),
            where=str(checkpoint),
            fix=f"use the same ones, or resume anyway: {settings}",
        )
    return changes


def scorer_of(item: LiveObjective) -> dict[str, Any]:
    """Return what an objective scores with; it is set up."""
    return dict(item.objective.fingerprint()) if isinstance(item.objective, Fingerprinted) else {}


def _code(item: LiveObjective) -> str:
    """Return which code computes an objective."""
    return " ".join(filter(None, (item.distribution, item.version, item.target_sha256)))


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
