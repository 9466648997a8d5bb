"""A run's plan, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_cli.output import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from upo_sdk.config import ModelConfig, TrainingConfig
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry

__all__ = ["plan_as_data", "print_plan", "third_party"]


_PART_NAMES = {"head": "the head", "optimizer": "the optimizer", "allocator": "freed memory that is kept"}


def print_plan(plan: RunPlan, out: Console, spelled: Callable[[str], str]) -> None:
    """Print what a run will do; settings are shown as ``spelled`` says."""
    facts = (
        ("model", f"{plan.model.path} ({_short(plan.parameters)} parameters, {_stored(plan.model)})"),
        *([("adapter", _adapter(plan))] if plan.config.lora.use_peft else []),
        ("data", plan.data.description),
        ("length", spelled(_length(plan))),
        ("steps", f"{plan.steps:,} of {_batch(plan.config.training)} per device, {_per_step(plan)} a step"),
        ("learning", _learning(plan.config.training)),
        ("memory", _memory(plan)),
        ("output", str(plan.config.output_dir)),
    )
    out.print(Table("plan", "", rows=facts))
    out.print()
    rows = [
        [
            item.label,
            _kind(item),
            _weight(item),
            _options(item),
            plan.loads.get(item.label, "-"),
            f"{item.distribution} {item.version}".rstrip(),
        ]
        for item in (*plan.objectives, *plan.held_out)
    ]
    out.print(Table("objective", "kind", "weight", "options", "loads", "from", rows=rows))


def _stored(model: ModelConfig) -> str:
    return "4 bits" if model.load_in_4bit else "8 bits" if model.load_in_8bit else model.dtype


def _adapter(plan: RunPlan) -> str:
    lora = plan.config.lora
    kind = "DoRA" if lora.use_dora else "LoRA"
    modules = ", ".join(lora.target_modules)
    return f"{kind}, r {lora.r}, alpha {lora.alpha:g}, {_short(plan.trainable)} parameters trained ({modules})"


def third_party(registry: Registry) -> list[str]:
    """Return the distributions, other than ours, whose plugins are loaded."""
    return sorted({item.origin for item in registry.plugins if item.status == "loaded" and not item.builtin})


def plan_as_data(plan: RunPlan, registry: Registry) -> dict[str, Any]:
    """Return the plan as values that JSON can write."""
    return {
        "demo": plan.is_demo,
        "model": plan.model.path,
        "parameters": plan.parameters,
        "data": {"description": plan.data.description, "shape": plan.data.shape, "rows": len(plan.data.train)},
        "objectives": [
            {
                "label": item.label,
                "name": item.ref.name,
                "kind": _kind(item),
                "weight": item.weight,
                "schedule": item.ref.schedule,
                "normalize": item.ref.normalize,
                "options": item.options.model_dump(mode="json") if item.options else {},
                "loads": plan.loads.get(item.label),
                "from": {"distribution": item.distribution, "version": item.version, "target": item.target},
            }
            for item in plan.objectives
        ],
        "third_party": third_party(registry),
        "steps": plan.steps,
        "rows_per_step": plan.rows_per_step,
        "tokens_per_step": plan.tokens_per_step,
        "max_length": plan.data_config.max_length,
        "learning_rate": plan.config.training.learning_rate,
        "lr_scheduler_type": plan.config.training.lr_scheduler_type,
        "warmup_steps": plan.config.training.warmup_steps,
        "sample": {
            "rows": plan.sample.truncation.rows,
            "tokens_per_row": plan.sample.tokens_per_row,
            "truncation": plan.sample.truncation,
            "findings": [item.text for item in plan.sample.findings],
        },
        "memory_bytes": {**plan.memory.parts, "total": plan.memory.total},
        "notices": plan.notices,
        "warnings": plan.warnings,
        "config": plan.config.model_dump(mode="json", by_alias=True),
    }


def _kind(item: LiveObjective) -> str:
    return "preference" if item.is_preference else "auxiliary"


def _weight(item: LiveObjective) -> str:
    return f"{item.weight:g}@{item.ref.schedule}" if item.ref.schedule else f"{item.weight:g}"


def _options(item: LiveObjective) -> str:
    given = item.options.model_dump(mode="json", exclude_unset=True) if item.options else {}
    if item.ref.normalize != "none":
        given = {"normalize": item.ref.normalize, **given}
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "defaults"


def _batch(training: TrainingConfig) -> str:
    budget = training.tokens_per_batch
    return f"up to {budget:,} tokens" if budget else f"{training.per_device_train_batch_size} rows"


def _per_step(plan: RunPlan) -> str:
    return f"about {plan.rows_per_step:,.0f} rows or {plan.tokens_per_step:,.0f} tokens"


def _learning(training: TrainingConfig) -> str:
    warm_up = f" after {training.warmup_steps:,} steps of warm-up" if training.warmup_steps else ""
    return f"rate {training.learning_rate:g}, {training.lr_scheduler_type}{warm_up}, {training.optim}"


def _length(plan: RunPlan) -> str:
    sample = plan.sample
    return (
        f"max_length {plan.data_config.max_length:,} tokens; in a sample of {sample.truncation.rows:,} rows "
        f"{sample.truncation.describe()}"
    )


def _short(count: int) -> str:
    value = float(count)
    for unit in ("", "k", "M"):
        if value < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g}B"


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _memory(plan: RunPlan) -> str:
    largest = [(name, size) for name, size in plan.memory.parts.items() if size][:3]
    parts = ", ".join(f"{_size(size)} for {_PART_NAMES.get(name, name)}" for name, size in largest)
    return f"about {_size(plan.memory.total)} per device in the {plan.memory.moment}: {parts}"
