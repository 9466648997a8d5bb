"""What a run will do, resolved and checked before any work: the answer of ``--dry-run`` and what platforms may veto."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.data import SAMPLE_WEIGHT, check_numbers, load_preference_data, sample_weights
from upo_sdk.data.split import sample_rows
from upo_sdk.errors import ConfigError
from upo_sdk.plan.adapter import with_adapter
from upo_sdk.plan.compatibility import (
    check_fit,
    check_scorers,
    check_weighting,
    unused_columns,
)
from upo_sdk.plan.defaults import split_off_held_out, with_default_preference, with_demo
from upo_sdk.plan.fit import free_memory, too_large
from upo_sdk.plan.memory import MemoryEstimate, estimate_memory
from upo_sdk.plan.model import limit_to_positions, with_template_date
from upo_sdk.plan.steps import RowSample, count_steps, reachable_rows, rows_per_batch, tokenize_sample
from upo_sdk.plan.unused_settings import check_used, unused_settings
from upo_sdk.plan.warnings import warn_of_model_and_data, with_warnings
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.policy import build_skeleton, check_weights, count_parameters, load_model_config, load_tokenizer
from upo_sdk.policy.adapter import base_of
from upo_sdk.policy.positions import prompt_room
from upo_sdk.policy.precision import describe_saved_dtype
from upo_sdk.ranks import launched_ranks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

    from upo_sdk.config import DataConfig, ModelConfig, RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.registry import Registry

__all__ = ["RunPlan", "make_plan"]


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
        parameters: Parameters of the policy, without those of an adapter.
        trainable: Parameters that are trained.
        memory: What the run takes on each device.
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
    trainable: int
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
    notices, asked = list[str](), config
    is_demo = config.model is None and config.data is None
    if is_demo:
        config = with_demo(config, registry, notices)
    model, data_config = _model_and_data(config)
    objectives = build_objectives(config.objectives, registry)  # first: a typo shows before the data is read
    model_config = load_model_config(model)
    check_weights(Path(base_of(model).path))
    skeleton = build_skeleton(model_config, model)
    parameters = count_parameters(skeleton)
    config = with_adapter(config, model, skeleton, notices)
    trainable = count_parameters(skeleton, trainable=True)
    data_config = limit_to_positions(data_config, model_config, notices)
    data = load_preference_data(data_config, formats=registry.dataset_formats(data_config.format))
    tokenizer = load_tokenizer(model)
    model = with_template_date(model, tokenizer, data, notices, drop=data_config.on_bad_rows == "drop", is_demo=is_demo)
    objectives = with_default_preference(objectives, data, registry, notices)
    refs = tuple(item.ref for item in objectives)
    config = config.model_copy(update={"model": model, "data": data_config, "objectives": refs})
    objectives, held_out = split_off_held_out(objectives, config, notices)
    check_fit(objectives, data, registry.default_preference(data.shape) or "NAME")
    check_weighting(objectives, config, data)
    check_used(asked, data)
    may_skip = config.plugins.on_failure == "skip" and launched_ranks() == 1
    loads, warnings = check_scorers([*objectives, *held_out], data, may_skip=may_skip)
    notices += unused_settings(asked, config, objectives, data)
    sample = tokenize_sample(data, tokenizer, model, data_config, budget=config.training.tokens_per_batch)
    batch_rows = rows_per_batch(config, sample, notices)
    margin_readers = [item.label for item in objectives if item.objective.needs.margin]
    notices += check_numbers(data, [item.label for item in objectives if not item.is_preference], margin_readers)
    if not is_demo:  # whose data has a column for benchmarks
        unused, more = unused_columns(objectives, data)
        notices += unused
        warnings += more
    notices += filter(None, [describe_saved_dtype(model, model_config)])
    warnings += warn_of_model_and_data(model, model_config, config.training.learning_rate, data)
    whole, data = data.train, reachable_rows(config, data, batch_rows, notices)
    steps = count_steps(config, len(data.train), batch_rows)
    estimate = partial(
        estimate_memory,
        model_config=model_config,
        skeleton=skeleton,
        batches=steps * config.training.gradient_accumulation_steps,
        ranks=launched_ranks(),
    )
    warnings += filter(None, [too_large(estimate, config, sample.lengths, free_memory(config))])
    return with_warnings(
        RunPlan(
            config=config,
            model=model,
            data_config=data_config,
            is_demo=is_demo,
            objectives=tuple(objectives),
            held_out=tuple(held_out),
            data=data,
            answer_room=_answer_room(config, model_config),
            balance_rows=_balance_rows(config, whole, data),
            loads=loads,
            sample=sample,
            rows_per_step=batch_rows * config.training.gradient_accumulation_steps * launched_ranks(),
            steps=steps,
            parameters=parameters,
            trainable=trainable,
            memory=estimate(config, sample.lengths),
            notices=tuple(notices),
            warnings=tuple(warnings),
        )
    )


def _model_and_data(config: RunConfig) -> tuple[ModelConfig, DataConfig]:
    if config.model is None or config.data is None:
        missing = "model" if config.model is None else "data"
        raise ConfigError(
            f"`{missing}.path` is missing",
            where="configuration",
            fix="give both `model.path` and `data.path`, or neither for the demo",
        )
    return config.model, config.data


def _answer_room(config: RunConfig, model_config: Any) -> int | None:
    """Return the tokens that a prompt may have, if answers are compared."""
    if not config.eval_prompts:
        return None
    return prompt_room([model_config], config.eval_max_new_tokens, setting="eval_max_new_tokens")


def _balance_rows(config: RunConfig, whole: Dataset, data: PreferenceData) -> Dataset | None:
    """Return the rows that γ is measured on, if the run does not prepare all of the data anyway."""
    if config.loss.scale != "balanced" or len(data.train) == len(whole):
        return None
    return whole.select(sample_rows(len(whole), sample_weights(whole) if SAMPLE_WEIGHT in data.columns else None))
