"""What transformers would refuse in the middle of a run is refused by the plan, with the setting at fault."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import TrainingConfig, build_config
from upo_sdk.errors import ConfigError, UPOError
from upo_sdk.plugin.registry import load_registry
from upo_sdk.run import plan_run
from upo_sdk.training.arguments import PASSED_ON, REFUSED, checked_arguments
from upo_sdk.training.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def settings(model_folder: Callable[[str], Path], tmp_path: Path) -> dict[str, Any]:
    data = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"{n}. How? ", "chosen": "Like this.", "rejected": "No."} for n in range(4)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return {"model": str(model_folder("llama")), "data": str(data), "output_dir": tmp_path / "run"}


def warnings(settings: dict[str, Any], **training: Any) -> str:
    return " ".join(plan_run(build_config(settings, {"training": training}), load_registry()).warnings)


def test_every_argument_of_the_installed_transformers_is_passed_on_or_refused_with_a_reason() -> None:
    from transformers import TrainingArguments

    assert {field.name for field in fields(TrainingArguments) if field.init} == PASSED_ON | REFUSED.keys()
    assert not PASSED_ON & REFUSED.keys()


@pytest.mark.parametrize("name", [*REFUSED])
def test_an_argument_that_would_be_overridden_or_ignored_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_arguments(TrainingConfig(arguments={name: 1}))
    assert caught.value.where == f"`training.arguments.{name}`"
    assert f"'{name}' cannot be set there: " in caught.value.what
    assert "{name}" not in caught.value.what


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"adam_beta": 0.5}, "has no 'adam_beta'"),
        ({"adam_epsilon": "tiny"}, "'tiny' is not a value of 'adam_epsilon'"),
        ({"dataloader_num_workers": 1.5}, "1.5 is not a value of 'dataloader_num_workers'"),
        ({"run_name": 5}, "5 is not a value of 'run_name'"),
        ({"tf32": [1]}, "is not a value of 'tf32'"),
    ],
)
def test_an_argument_of_another_type_or_name_is_refused(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_arguments(TrainingConfig(arguments=arguments))
    assert what in caught.value.what


def test_a_number_that_yaml_takes_for_text_is_a_number() -> None:
    assert checked_arguments(TrainingConfig(arguments={"adam_epsilon": "1e-6"})) == {"adam_epsilon": 1e-6}


REFUSALS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an optimizer that is none": ({"optim": "nonsense"}, "nonsense is not a valid OptimizerNames", "`training.optim`"),
    "an optimizer without its package": ({"optim": "adamw_8bit"}, "bitsandbytes", "`training.optim`"),
    "an optimizer of another package": ({"optim": "galore_adamw"}, "galore", "`training.optim`"),
    "a schedule that is none": ({"lr_scheduler_type": "zigzag"}, "zigzag", "`training.lr_scheduler_type`"),
    "a schedule that needs an evaluation": (
        {"lr_scheduler_type": "reduce_lr_on_plateau"},
        "requires an eval strategy",
        "`training.lr_scheduler_type`",
    ),
    "a schedule without what it needs": (
        {"lr_scheduler_type": "cosine_with_min_lr"},
        "min_lr",
        "`training.lr_scheduler_type`",
    ),
    "an option that no schedule has": (
        {"lr_scheduler_type": "cosine", "arguments": {"lr_scheduler_kwargs": {"nope": 1}}},
        "nope",
        "`training.arguments.lr_scheduler_kwargs`",
    ),
    "a momentum above one": ({"arguments": {"adam_beta1": 2.0}}, "beta", "`training.arguments.adam_beta1`"),
    "options of an optimizer in another form": (
        {"arguments": {"optim_args": "rank"}},
        "not enough values",
        "`training.arguments.optim_args`",
    ),
    "a DeepSpeed file without DeepSpeed": (
        {"learning_rate": 1e-5, "arguments": {"deepspeed": "nowhere.json"}},
        "deepspeed",
        "`training.arguments.deepspeed`",
    ),
    "one of two faults": (
        {"optim": "nonsense", "arguments": {"log_level": "loud"}},
        "nonsense",
        "`training.optim`",
    ),
    "FSDP on one process": ({"arguments": {"fsdp": "full_shard"}}, "distributed", "`training.arguments.fsdp`"),
    "workers that are not there": (
        {"arguments": {"dataloader_num_workers": -1}},
        "num_workers",
        "`training.arguments.dataloader_num_workers`",
    ),
    "options of workers without workers": (
        {"arguments": {"adam_beta2": 0.95, "dataloader_persistent_workers": True}},
        "num_workers",
        "`training.arguments.dataloader_persistent_workers`",
    ),
    "a log level that is none": ({"arguments": {"log_level": "loud"}}, "loud", "`training.arguments.log_level`"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_transformers_refuses_is_refused_by_the_plan_with_the_setting_at_fault(
    kind: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    training, what, where = REFUSALS[kind]
    with pytest.raises(ConfigError) as caught:
        warnings(settings, **training)
    assert (what in caught.value.what, caught.value.where) == (True, where), caught.value
    assert caught.value.fix
    assert not (tmp_path / "run").exists()


def test_a_close_name_of_an_optimizer_is_suggested(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        warnings(settings, optim="adamw_torc")
    assert "did you mean 'adamw_torch'?" in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"arguments": {"optim_args": "rank=8"}}, "`training.arguments.optim_args` has no effect"),
        (
            {"optim": "sgd", "arguments": {"adam_beta1": 0.8}},
            "`training.arguments.adam_beta1` has no effect: the optimizer 'sgd'",
        ),
        ({"lr_scheduler_type": "constant", "warmup_steps": 5}, "`training.warmup_steps` has no effect"),
        ({"max_steps": 5, "warmup_steps": 5}, "the warm-up has 5 steps and the run 5"),
        (
            {"lr_scheduler_type": "constant", "arguments": {"lr_scheduler_kwargs": {"num_cycles": 2}}},
            "`training.arguments.lr_scheduler_kwargs` has no effect",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_optimizer_or_schedule_do_not_read_is_named(
    settings: dict[str, Any], training: dict[str, Any], said: str
) -> None:
    assert said in warnings(settings, **training)


def test_settings_that_work_are_not_complained_of(settings: dict[str, Any]) -> None:
    arguments = {"adam_beta2": 0.95, "dataloader_num_workers": 1, "dataloader_prefetch_factor": 2}
    assert warnings(settings, lr_scheduler_type="cosine", arguments=arguments) == ""


@pytest.mark.parametrize(
    ("attention", "what"),
    [("flash_attention_2", "seem to be installed"), ("flish", "attention 'flish' cannot be used")],
)
def test_an_attention_that_cannot_be_used_names_its_option(settings: dict[str, Any], attention: str, what: str) -> None:
    config = build_config(settings, {"model": {"attn_implementation": attention}})
    with pytest.raises(UPOError, match=what) as caught:
        plan_run(config, load_registry())
    assert caught.value.where == "`model.attn_implementation`"


def test_flash_attention_in_float32_is_refused_before_its_first_forward(settings: dict[str, Any]) -> None:
    plan = plan_run(build_config(settings), load_registry())
    flash = replace(plan, model=plan.model.model_copy(update={"attn_implementation": "flash_attention_2"}))
    with pytest.raises(ConfigError, match="half precision only"):
        rehearse(flash)
    in_half = plan.config.training.model_copy(update={"bf16": True})
    with pytest.raises(UPOError, match="seem to be installed"):  # what is asked next
        rehearse(replace(flash, config=plan.config.model_copy(update={"training": in_half})))


def test_the_plan_leaves_random_numbers_as_they_were(settings: dict[str, Any]) -> None:
    import torch

    torch.manual_seed(3)
    before = torch.get_rng_state()
    warnings(settings)
    assert torch.equal(torch.get_rng_state(), before)
