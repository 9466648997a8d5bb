"""What an evaluation will do, resolved and checked before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk import demo
from upo_sdk.atomic_file import check_takes_files
from upo_sdk.config import DataConfig, EvalConfig, ModelConfig, ObjectiveRef, build_config, read_config_file
from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.data import load_preference_data
from upo_sdk.errors import ConfigError, ModelError
from upo_sdk.evaluation.demo_measures import are_demo_prompts
from upo_sdk.evaluation.judging import check_judged
from upo_sdk.evaluation.thresholds import Threshold, check_prompts, parse_threshold
from upo_sdk.plan import limit_to_positions, with_demo_options
from upo_sdk.plan.compatibility import unused_columns
from upo_sdk.plugin.build import LiveObjective, beta_of, build_objectives
from upo_sdk.policy import load_model_config
from upo_sdk.policy.adapter import is_adapter
from upo_sdk.policy.positions import prompt_room
from upo_sdk.scoring import read_normalizers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from upo_sdk.config import RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.scoring import Rank, ZScore

__all__ = ["EvalTask", "plan_evaluation"]

_DEMO = "demo"
_BETA = 0.1
_MAX_NEW_TOKENS = 64
_SEED = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalTask:
    """The resolved task of an evaluation.

    Attributes:
        config: With the model, baseline, data and objectives that will be used.
        data_config: Shorthand for the resolved ``config.data``.
        data: All of it; only ``rows`` are evaluated.
        rows: Normalised rows to evaluate.
        split: ``held-out``, ``given`` or ``training``.
        objectives: The auxiliary ones, constructed, not set up; those that cannot score an answer are left out.
        normalizers: Of the run's own objectives, by label; empty for others.
        beta: Of the implicit reward.
        max_new_tokens: Tokens per answer.
        seed: Of sampling.
        room: Tokens that a prompt may have so that both models can answer it, or None.
        thresholds: The conditions of ``fail_if``.
        output_dir: Where results are written.
        notices: Choices made for the user, in words.
    """

    config: EvalConfig
    data_config: DataConfig
    data: PreferenceData
    rows: Dataset
    split: str
    objectives: tuple[LiveObjective, ...]
    normalizers: Mapping[str, ZScore | Rank]
    beta: float
    max_new_tokens: int
    seed: int
    room: int | None
    thresholds: tuple[Threshold, ...]
    output_dir: Path
    notices: tuple[str, ...]

    @property
    def is_demo(self) -> bool:
        """Whether the rows are the demo's held-out pairs, which the demo's grammar can judge."""
        return are_demo_prompts(self.data_config, self.split)


def plan_evaluation(config: EvalConfig, registry: Registry) -> EvalTask:
    """Resolve a configuration: a run folder's settings are used for those that are not given.

    Raises:
        UPOError: A condition cannot be read, or the model, the data, an objective or the output folder cannot be used.
    """
    thresholds = tuple(map(parse_threshold, config.fail_if))
    notices = list[str]()
    output_dir = config.output_dir or _output_dir(config.model.path)
    check_takes_files(output_dir)
    folder, is_given, named = _run_folder_of(config.model.path), config.data is not None, bool(config.objectives)
    run = _read_run_config(folder) if folder else None
    config = _resolved(config, run, registry, notices)
    data_config = config.data
    assert data_config is not None  # noqa: S101 - resolved
    objectives = build_objectives(config.objectives, registry)
    model_configs = [load_model_config(config.model)]
    if config.baseline:
        model_configs.append(load_model_config(config.baseline, setting="`baseline.path=FOLDER`"))
    for model_config in model_configs:
        data_config = limit_to_positions(data_config, model_config, notices)
    data = load_preference_data(data_config, formats=registry.dataset_formats(data_config.format))
    notices += data.describe_bad_rows()
    notices += unused_columns(objectives, data)[1]
    rows, split = (data.train, "training" if run and not is_given else "given")
    if data.eval is not None:
        rows, split = data.eval, "held-out"
    check_prompts(thresholds, len(set(rows["prompt"][:])) if thresholds else 0, config.eval_prompts)
    check_judged(config, rows, registry)
    if split == "training":
        notices.append(
            "the run has no held-out data: its training prompts are evaluated, and results on those are better"
        )
    seed = (run.training.seed if run else _SEED) if config.seed is None else config.seed
    return EvalTask(
        config=config.model_copy(update={"data": data_config, "output_dir": output_dir, "seed": seed}),
        data_config=data_config,
        data=data,
        rows=rows,
        split=split,
        objectives=tuple(_scoring(objectives, notices)),
        normalizers=read_normalizers(folder) if folder and not named else {},
        beta=_beta(objectives, run, registry),
        max_new_tokens=config.max_new_tokens or _MAX_NEW_TOKENS,
        seed=seed,
        room=prompt_room(model_configs, config.max_new_tokens or _MAX_NEW_TOKENS, setting="max_new_tokens"),
        thresholds=thresholds,
        output_dir=output_dir,
        notices=tuple(notices),
    )


def _resolved(config: EvalConfig, run: RunConfig | None, registry: Registry, notices: list[str]) -> EvalConfig:
    """Fill in the settings of the run or of the demo."""
    model, data, objectives = config.model, config.data, config.objectives
    if model.path == _DEMO:
        model = model.model_copy(update={"path": str(demo.demo_model_path())})
        data = data or DataConfig(path=str(demo.demo_eval_path()), max_length=128)
        objectives = tuple(with_demo_options(ref, registry, notices) for ref in objectives)
    baseline = config.baseline
    if baseline and baseline.path == _DEMO:
        baseline = baseline.model_copy(update={"path": str(demo.demo_model_path())})
    if run is not None:
        base = run.model
        baseline = baseline or base
        if base is not None:
            own = base.model_dump(exclude={"path", "revision", "tokenizer", "chat_template"})
            model = ModelConfig.model_validate({**own, **model.model_dump(exclude_unset=True)})
        data = data or run.data
        objectives = objectives or run.objectives
    if data is None:
        load_model_config(model)  # a mistyped path is reported first
        raise ConfigError(
            "there is no data to evaluate on: only a run folder has data of its own, and the model is not one",
            where="`data.path`",
            fix="give `data.path=PATH` with prompts and responses, or evaluate a run folder",
        )
    given = {
        "model": model,
        "baseline": baseline,
        "data": data,
        "objectives": objectives,
        "max_new_tokens": config.max_new_tokens or (run.eval_max_new_tokens if run else None),
    }
    return config.model_copy(update=given)


def _scoring(objectives: Sequence[LiveObjective], notices: list[str]) -> list[LiveObjective]:
    kept = list[LiveObjective]()
    for item in objectives:
        if item.is_preference:
            continue
        needs = item.objective.needs
        if needs.columns or needs.score_columns:
            notices.append(
                f"'{item.label}' needs columns of the data that generated answers do not have: it is left out"
            )
        else:
            kept.append(item)
    return kept


def _beta(objectives: Sequence[LiveObjective], run: RunConfig | None, registry: Registry) -> float:
    """Return β of the first preference objective that is named, else of the run's, else DPO's and KTO's default."""
    if run is not None and not any(item.is_preference for item in objectives):
        objectives = build_objectives([ref for ref in run.objectives if _is_preference(ref, registry)], registry)
    return beta_of(objectives, default=_BETA)


def _is_preference(ref: ObjectiveRef, registry: Registry) -> bool:
    registered = registry.objectives.get(ref.name)
    return registered is not None and registered.spec.kind == "preference"


def _output_dir(model: str) -> Path:
    return (_run_folder_of(model) and Path(model)) or Path("upo-eval")


def _run_folder_of(model: str) -> Path | None:
    """Return the run folder that a model's folder is, or of which it is a checkpoint; None of any other model.

    Raises:
        ModelError: The run has not finished and holds no model.
    """
    folder = Path(model)
    if (folder / RESOLVED_CONFIG).is_file():
        _check_holds_model(folder)
        return folder
    if (folder.absolute().parent / RESOLVED_CONFIG).is_file() and (folder / "trainer_state.json").is_file():
        return folder.absolute().parent
    return None


def _read_run_config(folder: Path) -> RunConfig:
    """Read the configuration of a run folder.

    Raises:
        UPOError: It cannot be read.
    """
    path = folder / RESOLVED_CONFIG
    return build_config(read_config_file(path), where=str(path))


def _check_holds_model(folder: Path) -> None:
    if (folder / "config.json").is_file() or is_adapter(str(folder)):
        return
    checkpoints = sorted(entry.name for entry in folder.glob("checkpoint-*"))
    raise ModelError(
        "the run has not finished: there is no model in its folder",
        where=str(folder),
        fix=f"finish it with `resume_from_checkpoint=last`, or evaluate {folder / checkpoints[-1]}"
        if checkpoints
        else "run it again",
    )
