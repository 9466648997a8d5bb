"""From a plan to the record of its run: what it starts from, and what it did to the rewards, in words."""

from __future__ import annotations

import math
import platform
import shlex
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.data.chat_template import common_chat
from upo_sdk.data.lengths import row_lengths
from upo_sdk.data.paths import find_sources
from upo_sdk.records import Estimate, LeftOut, Origin, RunAdapter, RunData, RunModel, RunObjective, RunRecord
from upo_sdk.records.base import now
from upo_sdk.redaction import redact
from upo_sdk.scoring.distributions import Rewards, describe_distributions
from upo_sdk.statistics import share_interval
from upo_sdk.training.trained_with import scorer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.records import DistributionsRecord, EvaluationRecord, Metric, RunLoss
    from upo_sdk.training.prepare import Prepared
    from upo_sdk.training.trainer import UPOTrainer

__all__ = ["data_origin", "describe_rewards", "describe_run", "ended", "explain", "model_origin"]

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
        adapter=_describe_adapter(plan),
        data=RunData(
            description=plan.data.description,
            fingerprint=plan.data.fingerprint,
            conversational=plan.data.conversational,
            chat=common_chat(plan.data.train) if plan.data.conversational else None,
            origin=data_origin(plan.data_config.sources),
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
            "status": "completed" if trainer.is_finished else "cancelled",
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


def _describe_adapter(plan: RunPlan) -> RunAdapter | None:
    lora = plan.config.lora
    if not lora.use_peft:
        return None
    settings = lora.model_dump(exclude={"use_peft", "dropout"})
    return RunAdapter(**settings, trained=plan.trainable, parameters=plan.parameters)


def describe_rewards(prepared: Prepared, advantage_weights: Sequence[float]) -> DistributionsRecord:
    """Summarise the rewards of the training split, and the advantage weights of the last logging interval."""
    rewards = [
        Rewards(label=item.label, weight=item.weight, normalize=item.ref.normalize, values_N=values)
        for item, values in zip(prepared.plan.auxiliary, prepared.train.rewards, strict=True)
    ]
    tokens_N = row_lengths(prepared.train.dataset)[2]
    return describe_distributions(rewards, tokens_N, np.array(advantage_weights, dtype=float))


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


def explain(
    evaluation: EvaluationRecord | None,
    metrics: Mapping[str, float],
    *,
    auxiliary: Sequence[str],
    gate_opened: bool,
) -> tuple[str, ...]:
    """Say what the run did, one sentence per objective."""
    sentences = list[str]()
    held_out = "eval_" if "eval_rewards/accuracies" in metrics else ""
    if f"{held_out}rewards/accuracies" in metrics:
        share, pairs = metrics[f"{held_out}rewards/accuracies"], metrics.get(f"{held_out}rewards/pairs", 0)
        sentences.append(
            _preferences(share, round(pairs), "held-out pairs" if held_out else "training pairs logged last")
        )
    if auxiliary and not gate_opened:
        sentences.append(f"{', '.join(auxiliary)}: no effect, because the run ended before the auxiliary term started.")
        return tuple(sentences)
    if evaluation:
        split = evaluation.data.split
        sentences += [_sentence(label, metric, split) for label, metric in evaluation.rewards.items()]
    return tuple(sentences)


def _preferences(share: float, pairs: int, which: str) -> str:
    if pairs < Estimate.ENOUGH:
        counted = f"{pairs} {which} are" if pairs != 1 else f"1 {which.replace('pairs', 'pair')} is"
        return f"Preferences: {counted} too few to show how many the model now ranks correctly."
    low, high = share_interval(share, pairs)
    chance = ", so it could be chance" if low <= 0.5 <= high else ""  # noqa: PLR2004 - what a coin would get
    return (
        f"Preferences: the model now ranks the chosen response above the rejected one in {100 * share:.0f} % of the "
        f"{pairs:,} {which} (95 % interval {100 * low:.0f} to {100 * high:.0f} %, and 50 % is chance{chance})."
    )


def _sentence(label: str, metric: Metric, split: str) -> str:
    change, before = metric.difference, metric.baseline
    assert change is not None  # noqa: S101 - the base model is the baseline
    assert before is not None  # noqa: S101 - likewise
    prompts = f"{change.count} {split} {'prompt' if change.count == 1 else 'prompts'}"
    measured = f"{before.mean:.2f} before, {metric.value.mean:.2f} after (change {_signed(change.mean)}"
    measured += ")" if change.interval is None else f", 95 % interval {' to '.join(map(_signed, change.interval))})"
    reward = "the mean reward of the model's own answers"
    if metric.direction == "too few":
        return f"{label}: on {prompts} {reward} was {measured}: too few prompts to show whether it changed."
    verdict = "did not change measurably" if metric.direction == "open" else metric.direction
    full = "; nearly all answers had the highest reward already"
    return f"{label}: on {prompts} {reward} {verdict}: {measured}{full if _was_full(metric) else ''}."


def _was_full(metric: Metric) -> bool:
    return metric.direction == "open" and metric.at_ceiling


def _signed(change: float) -> str:
    """Return two decimals, or more where they would hide that it is not 0."""
    hidden = change != 0 and abs(change) < 0.005  # noqa: PLR2004 - what two decimals round to 0
    return f"{change:+.1g}" if hidden else f"{change + 0.0:+.2f}"


_CARD = "README.md"
_LICENCE = ("license", "license_name", "license_link")


def model_origin(path: str, revision: str | None, *, is_demo: bool = False) -> Origin:
    """Return name and licence of a base model, as far as they are known; nothing is fetched.

    A local folder has no ``hub_id`` unless its own card names the model that it was made from.
    """
    if is_demo:
        return Origin(name="the demo model of UPO SDK", license="apache-2.0")
    local = Path(path).expanduser()
    known = _card_data(local / _CARD if local.is_dir() else _cached_card(path, revision))
    above = known.get("base_model")
    hub_id = (above if isinstance(above, str) else None) if local.exists() else path
    licence = {key: known[key] for key in _LICENCE if isinstance(known.get(key), str)}
    return Origin(name=local.resolve().name if local.exists() else path, hub_id=hub_id, **licence)


def data_origin(written: Sequence[str]) -> Origin:
    """Return the name of the data; only a single hub dataset has a ``hub_id``."""
    paths = [path for source in find_sources(written) for path in source.paths]
    local = [Path(path).expanduser().exists() for path in paths]
    names = [Path(path).name if is_local else path for path, is_local in zip(paths, local, strict=True)]
    return Origin(name=", ".join(names), hub_id=paths[0] if local == [False] else None)


def _cached_card(repo_id: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo_id, _CARD, revision=revision)
    return Path(found) if isinstance(found, str) else None


def _card_data(path: Path | None) -> Mapping[str, Any]:
    import yaml
    from huggingface_hub import ModelCard

    if path is None or not path.is_file():
        return {}
    with suppress(OSError, ValueError, yaml.YAMLError):  # somebody else's card: what cannot be read is not known
        known: dict[str, Any] = ModelCard.load(path, ignore_metadata_errors=True).data.to_dict()
        return known
    return {}
