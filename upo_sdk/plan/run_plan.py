"""What a run will do, resolved and checked before any work: the answer of ``--dry-run`` and what platforms may veto."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from upo_sdk import demo
from upo_sdk.config import ObjectiveRef, RunConfig, build_config
from upo_sdk.data import (
    BAD_ROWS_FILE,
    SAMPLE_WEIGHT,
    check_template,
    load_preference_data,
    sample_weights,
    unused_template,
)
from upo_sdk.data.sample import sample_rows
from upo_sdk.demo import settings
from upo_sdk.errors import ConfigError
from upo_sdk.plan.compatibility import (
    check_fit,
    check_given_numbers,
    check_scorers,
    check_weighting,
    label_balance,
    unused_columns,
)
from upo_sdk.plan.row_sample import RowSample, tokenize_sample
from upo_sdk.plan.unused_settings import check_used, unused_settings
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.policy import build_skeleton, check_weights, count_parameters, load_model_config, load_tokenizer
from upo_sdk.policy.positions import positions, prompt_room
from upo_sdk.policy.precision import describe_saved_dtype, too_small_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from upo_sdk.config import DataConfig, ModelConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.registry import Registry

__all__ = ["MemoryEstimate", "RunPlan", "make_plan", "with_builtin_scorer", "within_positions"]

_STEPS_PER_GATE = 10
"""Steps of a run for each that its preference term has to itself, where we suggest a gate."""


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """A rough upper estimate of the memory of training, in bytes.

    Attributes:
        weights: Parameters, gradients and optimizer state of the policy.
        activations: Hidden states and logits of one micro-batch at its maximal length.
    """

    weights: int
    activations: int

    @property
    def total(self) -> int:
        """Everything together."""
        return self.weights + self.activations


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """The resolved plan of a run.

    Attributes:
        config: The configuration with every default filled in.
        model: Shorthand for the resolved ``config.model``.
        data_config: Shorthand for the resolved ``config.data``.
        is_demo: Whether the embedded demo model and data are used.
        objectives: Constructed, not set up; objectives of weight zero are not among them.
        held_out: Auxiliary objectives of weight zero, if answers are compared: they score those, and nothing else.
        data: The checked dataset.
        answer_room: Tokens that a prompt may have so that an answer fits behind it, or None.
        loads: What every auxiliary objective will load or download, by label, in words.
        sample: Some of the training rows as tokens.
        rows_per_step: Rows of one optimizer step, on all processes; with a token budget the mean.
        steps: Optimizer steps.
        parameters: Parameters of the policy.
        memory: Rough estimate.
        notices: Choices made for the user, in words.
        warnings: What is likely to disappoint.
        balance_rows: What γ is measured on, if ``scale: balanced`` has to and ``data`` does not hold every row; the
            same rows for every seed.
    """

    config: RunConfig
    model: ModelConfig
    data_config: DataConfig
    is_demo: bool
    objectives: tuple[LiveObjective, ...]
    held_out: tuple[LiveObjective, ...]
    data: PreferenceData
    answer_room: int | None
    loads: Mapping[str, str]
    sample: RowSample
    rows_per_step: float
    steps: int
    parameters: int
    memory: MemoryEstimate
    notices: tuple[str, ...]
    warnings: tuple[str, ...]
    balance_rows: Dataset | None = None

    @property
    def preference(self) -> tuple[LiveObjective, ...]:
        """The preference objectives."""
        return tuple(item for item in self.objectives if item.is_preference)

    @property
    def auxiliary(self) -> tuple[LiveObjective, ...]:
        """The auxiliary objectives, in the order of the rewards' columns."""
        return tuple(item for item in self.objectives if not item.is_preference)

    @property
    def tokens_per_step(self) -> float:
        """About how many tokens one optimizer step reads, on all processes: each prompt once, and its responses."""
        return self.rows_per_step * self.sample.tokens_per_row

    @property
    def completions(self) -> int:
        """How many training completions there are."""
        return len(self.data.train) * (2 if self.data.shape == "pairs" else 1)


def make_plan(config: RunConfig, registry: Registry) -> RunPlan:
    """Resolve and check a configuration: plugins, objectives, data and model exist and fit together.

    Raises:
        UPOError: Anything is wrong with them.
    """
    notices: list[str] = []
    asked = config
    is_demo = config.model is None and config.data is None
    if is_demo:
        config = _with_demo(config, notices)
    model, data_config = config.model, config.data
    if model is None or data_config is None:
        missing = "model" if model is None else "data"
        raise ConfigError(
            f"--{missing} is missing",
            where="configuration",
            fix="give both --model and --data, or neither for the demo",
        )
    objectives = build_objectives(config.objectives, registry)  # first: a typo shows before the data is read
    model_config = load_model_config(model)
    check_weights(Path(model.path))
    parameters = count_parameters(build_skeleton(model_config, model))
    data_config = within_positions(data_config, model_config, notices)
    config = config.model_copy(update={"data": data_config})
    data = load_preference_data(data_config, formats=registry.dataset_formats(data_config.format))
    model = _with_template_date(model, data, notices, drop=data_config.on_bad_rows == "drop", is_demo=is_demo)
    config = config.model_copy(update={"model": model})
    if not any(item.is_preference for item in objectives):
        added = _default_preference(data, notices)
        config = config.model_copy(update={"objectives": (added, *config.objectives)})
        objectives = [*build_objectives([added], registry), *objectives]
    objectives, held_out = _split_off_held_out(objectives, config, notices)
    if config.loss.scale == "balanced" and all(item.is_preference for item in objectives):
        notices.append("scale balanced has nothing to balance: no auxiliary objective has a weight above zero")
    check_fit(objectives, data)
    check_weighting(objectives, config, data)
    check_used(asked, data)
    may_skip = config.plugins.on_failure == "skip" and _ranks() == 1
    loads, warnings = check_scorers([*objectives, *held_out], data, may_skip=may_skip)
    notices += unused_settings(asked, config, objectives, data)
    sample = tokenize_sample(data, model, data_config, budget=config.training.tokens_per_batch)
    rows_per_batch = _rows_per_batch(config, sample, notices)
    notices += check_given_numbers(objectives, data)
    if not is_demo:  # whose data has a column for benchmarks
        unused, more = unused_columns(objectives, data)
        notices += unused
        warnings += more
    warnings += label_balance(data)
    saved_dtype = describe_saved_dtype(model, model_config)
    notices += [saved_dtype] if saved_dtype else []
    too_small = too_small_steps(model, model_config, config.training.learning_rate)
    warnings += [too_small] if too_small else []
    warnings += [f"{text}, and listed in {BAD_ROWS_FILE} of the run folder" for text in data.describe_bad_rows()]
    answer_room = (
        prompt_room([model_config], config.eval_max_new_tokens, option="--eval_max_new_tokens")
        if config.eval_prompts
        else None
    )
    whole = data.train
    data = _only_needed_rows(config, data, rows_per_batch, notices)
    plan = RunPlan(
        config=config,
        model=model,
        data_config=data_config,
        is_demo=is_demo,
        objectives=tuple(objectives),
        held_out=tuple(held_out),
        data=data,
        answer_room=answer_room,
        balance_rows=_balance_rows(config, whole, data),
        loads=loads,
        sample=sample,
        rows_per_step=rows_per_batch * config.training.gradient_accumulation_steps * _ranks(),
        steps=_steps(config, len(data.train), rows_per_batch),
        parameters=parameters,
        memory=_memory(config, data_config, model_config, parameters, branches=2 if data.shape == "pairs" else 1),
        notices=tuple(notices),
        warnings=tuple(warnings),
    )
    return _with_warnings(plan)


def _with_demo(config: RunConfig, notices: list[str]) -> RunConfig:
    notices.append("no --model and no --data: the embedded demo model and data are used, with the demo's settings")
    written = config.model_dump(exclude_unset=True, by_alias=True)
    objectives = [with_builtin_scorer(ref, notices) for ref in config.objectives]
    below = _demo_settings(_demo_gamma(config, notices))
    if config.loss.scale == "balanced":
        del below["loss"]["gamma"]
    return build_config(below, written, {"objectives": objectives})


def _demo_gamma(config: RunConfig, notices: list[str]) -> float:
    """Return γ for the demo's data beside the objectives that were asked for, and say so if it is not that of dpo."""
    gamma = settings.gamma_beside(config.objectives)
    given = config.loss.scale == "balanced" or "gamma" in config.loss.model_fields_set
    if not given and gamma is None:
        notices.append(
            f"the demo's γ of {settings.GAMMA:g} was found for dpo, and nobody measured these objectives there: add "
            "--scale balanced, or compare the held-out accuracy with that of a run without the auxiliary objective"
        )
    elif not given and gamma != settings.GAMMA:
        notices.append(
            f"γ is {gamma:g} in the demo: the preference objective pulls {gamma:g} times as hard as dpo there"
        )
    return settings.GAMMA if gamma is None else gamma


def _demo_settings(gamma: float) -> dict[str, Any]:
    return {
        "model": {"path": str(demo.demo_model_path())},
        "data": {"path": str(demo.demo_data_path()), "eval_path": str(demo.demo_eval_path()), "max_length": 128},
        "loss": {"gamma": gamma, "lambda": settings.LAMBDA, "gate_steps": settings.GATE_STEPS},
        "training": {
            "learning_rate": settings.LEARNING_RATE,
            "max_steps": settings.MAX_STEPS,
            "warmup_steps": settings.WARMUP_STEPS,
            "per_device_train_batch_size": settings.BATCH_SIZE,
            "per_device_eval_batch_size": 32,
        },
        "eval_prompts": 64,
    }


def with_builtin_scorer(ref: ObjectiveRef, notices: list[str]) -> ObjectiveRef:
    """Return ``toxicity`` with the scorer that needs no download, unless another one is named."""
    if ref.name != "toxicity" or "model" in ref.options:
        return ref
    notices.append(f"'{ref.label}' uses model=builtin in the demo: a small scorer that needs no download")
    return ref.model_copy(update={"options": {**ref.options, "model": "builtin"}})


def _default_preference(data: PreferenceData, notices: list[str]) -> ObjectiveRef:
    name = "dpo" if data.shape == "pairs" else "kto"
    notices.append(f"no preference objective was named: '{name}' is used, because the data is {data.shape}")
    return ObjectiveRef(name=name)


def _split_off_held_out(
    objectives: Sequence[LiveObjective], config: RunConfig, notices: list[str]
) -> tuple[list[LiveObjective], list[LiveObjective]]:
    """Return what is in the loss, and the auxiliary objectives of weight 0 that can score the compared answers."""
    held_out = [
        item
        for item in objectives
        if item.weight == 0 and config.eval_prompts and not item.is_preference and item.scores_answers
    ]
    for item in objectives:
        if item in held_out:
            notices.append(f"'{item.label}' has weight 0: it scores the answers before and after, not the data")
        elif item.weight == 0:
            notices.append(f"'{item.label}' has weight 0 and is left out")
    return [item for item in objectives if item.weight > 0], held_out


def within_positions(data: DataConfig, model_config: Any, notices: list[str]) -> DataConfig:
    """Return the configuration with lengths that the model has positions for."""
    limit = positions(model_config)
    if limit is None or data.max_length <= limit:
        return data
    notices.append(f"max_length is {limit} instead of {data.max_length:,}: the model has no more positions")
    prompt = data.max_prompt_length
    return data.model_copy(
        update={"max_length": limit, "max_prompt_length": min(prompt, limit - 1) if prompt else None}
    )


def _with_template_date(
    model: ModelConfig, data: PreferenceData, notices: list[str], *, drop: bool, is_demo: bool
) -> ModelConfig:
    """Check the chat template, and keep the date that it writes: training, evaluation and a resumed run read the same.

    Raises:
        UPOError: There is no template for conversations, or it fails on the first row.
    """
    if not data.conversational:
        unused = None if is_demo else unused_template(load_tokenizer(model), data.train)
        notices += [unused] if unused else []
        return model
    writes_date = check_template(load_tokenizer(model), data.train, model.chat_template_date, drop=drop)
    if not writes_date or model.chat_template_date:
        return model
    today = datetime.now().astimezone().date()
    notices.append(
        f"the chat template writes the date, {today}: on another day the tokens are others; --chat_template_date "
        f"{today} keeps them"
    )
    return model.model_copy(update={"chat_template_date": today})


def _rows_per_batch(config: RunConfig, sample: RowSample, notices: list[str]) -> float:
    """Return the rows of a batch on one device; with a token budget, its mean over the sample."""
    budget = config.training.tokens_per_batch
    if budget is None:
        return config.training.per_device_train_batch_size
    rows = sample.rows_per_batch(budget)
    notices.append(
        f"tokens_per_batch is {budget:,}: about {rows:.1f} rows per batch, estimated from "
        f"{len(sample.tokens_R):,} rows; so the number of steps is an estimate unless max_steps is given"
    )
    return rows


def _steps(config: RunConfig, rows: int, rows_per_batch: float) -> int:
    training = config.training
    if training.max_steps > 0:
        return training.max_steps
    batches = math.ceil(rows / (rows_per_batch * _ranks()))
    return math.ceil(math.ceil(batches / training.gradient_accumulation_steps) * training.num_train_epochs)


def _steps_are_estimated(config: RunConfig) -> bool:
    return config.training.max_steps < 1 and config.training.tokens_per_batch is not None


def _ranks() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _only_needed_rows(
    config: RunConfig, data: PreferenceData, rows_per_batch: float, notices: list[str]
) -> PreferenceData:
    """Draw the rows that ``max_steps`` can reach, so that no other row is scored or given reference log-probs."""
    training, rows = config.training, len(data.train)
    needed = math.ceil(training.max_steps * rows_per_batch * training.gradient_accumulation_steps * _ranks())
    if training.max_steps < 1 or needed >= rows:
        return data
    notices.append(f"max_steps is {training.max_steps}: {needed:,} of {rows:,} rows are drawn and prepared")
    drawn = np.random.default_rng(training.seed).permutation(rows)[:needed]
    return replace(data, train=data.train.select(np.sort(drawn)))


def _balance_rows(config: RunConfig, whole: Dataset, data: PreferenceData) -> Dataset | None:
    """Return the rows that γ is measured on, if the run does not prepare all of the data anyway."""
    if config.loss.scale != "balanced" or len(data.train) == len(whole):
        return None
    return whole.select(sample_rows(len(whole), sample_weights(whole) if SAMPLE_WEIGHT in data.columns else None))


def _memory(
    config: RunConfig, data: DataConfig, model_config: Any, parameters: int, *, branches: int
) -> MemoryEstimate:
    text = model_config.get_text_config()
    training = config.training
    tokens = training.tokens_per_batch or training.per_device_train_batch_size * branches * data.max_length
    per_token = 4 * (3 * text.vocab_size + 16 * text.num_hidden_layers * text.hidden_size)
    return MemoryEstimate(weights=16 * parameters, activations=tokens * per_token)


def _with_warnings(plan: RunPlan) -> RunPlan:
    warnings = list(plan.warnings)
    gate = plan.config.loss.gate_steps
    if plan.auxiliary and plan.steps <= gate:
        labels = " and ".join(item.label for item in plan.auxiliary)
        steps = f"about {plan.steps}" if _steps_are_estimated(plan.config) else f"{plan.steps}"
        warnings.insert(
            0,
            f"{labels} would have no effect: auxiliary objectives start after {gate} steps (gate_steps), and this run "
            f"has {steps}; add --gate_steps {plan.steps // _STEPS_PER_GATE}",
        )
    warnings += [
        f"'{item.label}' has no weight before step {item.schedule.first_step() + 1} and this run has {plan.steps}: it "
        f"will teach nothing; let {item.schedule} start earlier"
        for item in plan.objectives
        if item.schedule and item.schedule.first_step() >= plan.steps
    ]
    gpus = torch.cuda.device_count()
    if _ranks() == 1 and gpus > 1:
        warnings.append(
            f"one of {gpus} GPUs is used; for all of them: torchrun --nproc_per_node {gpus} -m upo_cli train ..."
        )
    if plan.is_demo and not plan.auxiliary and plan.steps > settings.DPO_ALONE_STEPS:
        warnings.append(
            f"a preference objective alone forgets how to write such short answers after about "
            f"{settings.DPO_ALONE_STEPS} steps: add --max_steps {settings.DPO_ALONE_STEPS}, or an auxiliary objective"
        )
    return replace(plan, warnings=tuple(warnings))
