"""What is likely to disappoint in a run, said before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.data import BAD_ROWS_FILE
from upo_sdk.demo import settings
from upo_sdk.plan.adapter import low_adapter_rate
from upo_sdk.plan.compatibility import label_balance
from upo_sdk.plan.steps import steps_are_estimated
from upo_sdk.policy.precision import too_small_steps
from upo_sdk.ranks import launched_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upo_sdk.config import ModelConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plan.run_plan import RunPlan

__all__ = ["warn_of_model_and_data", "with_warnings"]

_STEPS_PER_GATE = 10
"""Steps of a run for each that its preference term has to itself, where we suggest a gate."""


def warn_of_model_and_data(
    model: ModelConfig, model_config: Any, learning_rate: float, data: PreferenceData
) -> Iterator[str]:
    """Yield warnings of labels that teach little, of steps that the precision swallows, and of bad rows."""
    yield from label_balance(data)
    if too_small := too_small_steps(model, model_config, learning_rate):
        yield too_small
    yield from (f"{text}, and listed in {BAD_ROWS_FILE} of the run folder" for text in data.describe_bad_rows())


def with_warnings(plan: RunPlan) -> RunPlan:
    """Return the plan with the warnings that need all of it; an auxiliary term without effect comes first."""
    more = (
        *_late_schedules(plan),
        *_idle_gpus(),
        *_preference_alone(plan),
        *filter(None, [low_adapter_rate(plan.config)]),
    )
    return replace(plan, warnings=(*_late_gate(plan), *plan.warnings, *more))


def _late_gate(plan: RunPlan) -> Iterator[str]:
    gate = plan.config.loss.gate_steps
    if plan.auxiliary and plan.steps <= gate:
        labels = " and ".join(item.label for item in plan.auxiliary)
        steps = f"about {plan.steps}" if steps_are_estimated(plan.config) else f"{plan.steps}"
        yield (
            f"{labels} would have no effect: auxiliary objectives start after {gate} steps (`loss.gate_steps`), and "
            f"this run has {steps}; add `loss.gate_steps={plan.steps // _STEPS_PER_GATE}`"
        )


def _late_schedules(plan: RunPlan) -> Iterator[str]:
    for item in plan.objectives:
        if item.schedule and item.schedule.first_step() >= plan.steps:
            yield (
                f"'{item.label}' has weight 0 before step {item.schedule.first_step() + 1}, and this run has only "
                f"{plan.steps} steps: it has no effect; let {item.schedule} start earlier"
            )


def _idle_gpus() -> Iterator[str]:
    gpus = torch.cuda.device_count()
    if launched_ranks() == 1 and gpus > 1:
        yield f"one of {gpus} GPUs is used; for all of them: torchrun --nproc_per_node {gpus} -m upo_cli train ..."


def _preference_alone(plan: RunPlan) -> Iterator[str]:
    most = settings.DPO_ALONE_STEPS
    if plan.is_demo and not plan.auxiliary and plan.steps > most:
        yield (
            "with a preference objective alone, the demo model forgets how to write such short answers after about "
            f"{most} steps: add `training.max_steps={most}`, or an auxiliary objective"
        )
