"""The evaluation that all points share: by every auxiliary objective of the sweep, also where its weight is zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from upo_sdk.config import EvalConfig, ObjectiveRef, build_config
from upo_sdk.config.files import config_error
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.names import label_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.config import RunConfig
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import SweepPoint
    from upo_sdk.sweep.sweep import SweepConfig

__all__ = ["SharedEvaluation", "evaluated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedEvaluation:
    """The evaluation of every point.

    Attributes:
        labels: Of its objectives.
        settings: Of :class:`EvalConfig`, without the model.
        warnings: What is likely to disappoint in the run that has all objectives.
    """

    labels: tuple[str, ...]
    settings: dict[str, Any]
    warnings: tuple[str, ...]


def evaluated(config: SweepConfig, points: Sequence[SweepPoint], registry: Registry) -> SharedEvaluation:
    """Check the run that has all objectives of a sweep, and return the evaluation that its points share.

    Raises:
        UPOError: An objective, the model or the data cannot be used.
    """
    from upo_sdk.run import plan_run

    first = build_config(points[0].config, {"output_dir": _nowhere(config.output_dir)})
    plan = plan_run(first.model_copy(update={"objectives": _union(first, points, registry)}), registry)
    scored = [
        item for item in plan.auxiliary if not (item.objective.needs.columns or item.objective.needs.score_columns)
    ]
    prompts = {"eval_prompts": config.base.eval_prompts} if config.base.eval_prompts else {}
    settings = {
        "objectives": [item.ref.model_dump(mode="json", exclude_defaults=True) for item in scored],
        "seed": config.base.training.seed,
        **prompts,
        **config.evaluation,
    }
    return SharedEvaluation(
        labels=tuple(item.label for item in scored), settings=_checked(settings), warnings=plan.warnings
    )


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    try:
        config = EvalConfig.model_validate({"model": "a point", **settings})
    except ValidationError as error:
        raise config_error(error, EvalConfig, "evaluation") from None
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"model"})


def _union(first: RunConfig, points: Sequence[SweepPoint], registry: Registry) -> tuple[ObjectiveRef, ...]:
    """Return the first point's preference objectives and every way in which the points use an auxiliary one."""
    distinct = dict[str, ObjectiveRef]()
    for point in points:
        for ref in build_config({"objectives": point.config.get("objectives", ())}).objectives:
            plain = ref.model_copy(update={"weight": 1.0, "schedule": None, "normalize": "none"})
            distinct.setdefault(plain.model_dump_json(), plain)
    live = [item for ref in distinct.values() for item in build_objectives([ref], registry)]
    preference = {item.label for item in live if item.is_preference}
    kept = (ref for ref in first.objectives if label_of(ref, registry) in preference)
    return (*kept, *_with_labels([item for item in live if not item.is_preference]))


def _with_labels(objectives: Sequence[LiveObjective]) -> list[ObjectiveRef]:
    """Give each a unique label: that of the objective and, if its options vary, the options that vary."""
    result = list[ObjectiveRef]()
    for item in objectives:
        options = item.ref.options
        alike = [other.ref.options for other in objectives if other.label == item.label]
        varying = [key for key in options if any(other.get(key) != options[key] for other in alike)]
        written = "".join(f".{key}={options[key]}" for key in varying)
        result.append(item.ref.model_copy(update={"label": f"{item.label}{written}"}))
    return result


def _nowhere(folder: Path) -> Path:
    return folder / "points" / ".checked"  # a run folder that is never made
