"""From a plan to the record of its run, as far as it is known before training."""

from __future__ import annotations

import math
import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data.chat_template import common_chat
from upo_sdk.data.lengths import row_lengths
from upo_sdk.records import LeftOut, RunData, RunModel, RunObjective, RunRecord
from upo_sdk.redaction import redact
from upo_sdk.scoring.distributions import Rewards, describe_distributions
from upo_sdk.training.explanation import explain
from upo_sdk.training.origin import data_origin, model_origin
from upo_sdk.training.train import is_finished
from upo_sdk.training.trained_with import scorer_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.records import DistributionsRecord, EvaluationRecord, RunLoss
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["describe_rewards", "describe_run", "ended"]

_PACKAGES = ("upo-sdk", "torch", "transformers", "accelerate", "datasets", "safetensors", "textstat", "detoxify")


def describe_run(
    prepared: Prepared, loss: RunLoss, resumed: Path | None, skipped: Sequence[LeftOut], command: Sequence[str]
) -> RunRecord:
    """Describe a run that is about to train; its objectives are set up, so their scorers are known.

    Args:
        prepared: What it starts from.
        loss: As it is trained with.
        resumed: The checkpoint that is resumed.
        skipped: Objectives that failed and were left out.
        command: What the user typed.
    """
    plan, trained_with = prepared.plan, prepared.trained_with
    return RunRecord(
        output_dir=plan.config.output_dir,
        status="running",
        started=now(),
        command=redact(shlex.join(command)),
        software={"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        model=RunModel(
            path=plan.model.path,
            revision=plan.model.revision,
            weights_sha256=prepared.weights_sha256,
            origin=model_origin(plan.model.path, plan.model.revision, is_demo=plan.is_demo),
        ),
        data=RunData(
            description=plan.data.description,
            fingerprint=plan.data.fingerprint,
            conversational=plan.data.conversational,
            chat=common_chat(plan.data.train) if plan.data.conversational else None,
            origin=data_origin(plan.data_config.path),
            findings={split.name: tuple(split.findings) for split in prepared.splits},
        ),
        objectives=tuple(map(_describe, plan.objectives)),
        held_out=tuple(map(_describe, plan.held_out)),
        skipped=tuple(skipped),
        scores=prepared.statistics,
        normalization={label: normalizer.summary() for label, normalizer in prepared.normalizers.items()},
        loss=loss,
        seed=plan.config.training.seed,
        layout=prepared.policy.layout.name,
        resumed_from=str(resumed) if resumed else None,
        changed_on_resuming=trained_with.changed_on_resuming,
        trained_with=trained_with.model_copy(update={"changed_on_resuming": {}}),
    )


def ended(
    run: RunRecord, plan: RunPlan, trainer: UPOTrainer, evaluation: EvaluationRecord | None, checkpoint: Path | None
) -> RunRecord:
    """Return the record of a run that trained, to its end or until it was cancelled."""
    metrics = {name: value for row in trainer.state.log_history for name, value in row.items()}
    return run.model_copy(
        update={
            "status": "completed" if is_finished(trainer) else "cancelled",
            "finished": now(),
            "steps": trainer.state.global_step,
            "metrics": {name: value for name, value in metrics.items() if math.isfinite(value)},
            "evaluation": evaluation,
            "explanation": explain(
                evaluation,
                metrics,
                auxiliary=[item.label for item in plan.auxiliary],
                gate_opened=trainer.state.global_step > plan.config.loss.gate_steps,
            ),
            "checkpoint": checkpoint.name if checkpoint else None,
        }
    )


def describe_rewards(prepared: Prepared, advantage_weights: Sequence[float]) -> DistributionsRecord:
    """Summarise the rewards of the training split, and the advantage weights of the last logging interval."""
    rewards = [
        Rewards(label=item.label, weight=item.weight, normalize=item.ref.normalize, values_N=values)
        for item, values in zip(prepared.plan.auxiliary, prepared.train.rewards, strict=True)
    ]
    tokens_N = row_lengths(prepared.train.dataset)[2]
    return describe_distributions(rewards, tokens_N, np.array(advantage_weights, dtype=float))


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _describe(item: LiveObjective) -> RunObjective:
    return RunObjective(
        label=item.label,
        objective=str(item.ref),
        kind="preference" if item.is_preference else "auxiliary",
        weight=item.weight,
        schedule=item.ref.schedule,
        options=item.options.model_dump(mode="json") if item.options else {},
        distribution=item.distribution,
        version=item.version,
        target=item.target,
        code_sha256=item.target_sha256,
        fingerprint=scorer_of(item),
    )
