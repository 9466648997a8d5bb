"""The trainer on a tiny model and rows made here: what it adds to transformers' own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_sdk.config import LossConfig, ModelConfig, TrainingConfig
from upo_sdk.errors import OutputError, TrainingError
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.policy import Policy, load_language_model
from upo_sdk.policy.layouts.single import SingleLayout
from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.checkpoints import STAGING
from upo_sdk.training.rows import Collator, PreparedRows
from upo_sdk.training.step import Step
from upo_sdk.training.tokenized_rows import TokenizedRows
from upo_sdk.training.trainer import UPOTrainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPTS = [[5, 6], [7], [8, 9, 10], [11]]
RESPONSES = [[[12, 13], [14]], [[15], [16, 17, 18]], [[19, 20], [21]], [[22], [23, 24]]]
WEIGHTS = np.array([1.0, 3.0, 0.5, 1.0])


def prepared(rewards_N: list[float], *, reference: float = -5.0) -> PreparedRows:
    dataset = Dataset.from_dict(
        {"prompt_ids": PROMPTS, "response_ids": RESPONSES, "desirable": [[True, False]] * len(PROMPTS)}
    )
    logps = [[np.full(len(ids), reference, np.float32) for ids in responses] for responses in RESPONSES]
    return PreparedRows(
        dataset,
        TokenizedRows(dataset, mismatched=False, max_length=8),
        np.array(rewards_N).reshape(-1, 1),
        sample_weight_R=WEIGHTS,
        reference=logps,  # type: ignore[arg-type]
    )


@pytest.fixture
def trainer(model_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., UPOTrainer]:
    """Return a function that makes a trainer of the same model and rows."""
    folder = str(model_folder("llama"))

    def make(*, rewards: tuple[float, ...] = (0.9, 0.1) * 4, baseline: Any = "none", **settings: Any) -> UPOTrainer:
        policy = Policy(load_language_model(ModelConfig(path=folder)), SingleLayout())
        torch.manual_seed(0)
        unified = UnifiedLoss(
            [PreferenceTerm("dpo", 1.0, DPO(DPOOptions()))],
            [AuxiliaryTerm("length", 0.5)],
            LossConfig(gate_steps=0, baseline=baseline, value_learning_rate=0.01),
            hidden_size=policy.hidden_size if baseline == "value" else None,
        )
        config = TrainingConfig(**{"max_steps": 1, "per_device_train_batch_size": 4, "learning_rate": 0.1, **settings})
        rows = prepared([*rewards])
        return UPOTrainer(
            policy,
            Step(unified=unified, beta=0.1),
            training_arguments(config, tmp_path / "run", evaluate=True),
            collator=Collator(policy.layout),
            train_rows=rows,
            eval_rows=rows,
            tokenizer=AutoTokenizer.from_pretrained(folder),
            callbacks=[],
        )

    return make


def weights(trainer: UPOTrainer) -> torch.Tensor:
    assert trainer.model is not None
    return torch.cat([value.detach().flatten() for value in trainer.model.parameters()])


@pytest.mark.parametrize("rows", [1, 2])
def test_micro_batches_of_rows_of_unlike_weight_change_nothing(trainer: Callable[..., UPOTrainer], rows: int) -> None:
    whole = trainer(optim="sgd")
    split = trainer(optim="sgd", per_device_train_batch_size=rows, gradient_accumulation_steps=4 // rows)
    before = weights(whole)
    whole.train()
    split.train()
    assert not torch.equal(weights(whole), before)
    torch.testing.assert_close(weights(split), weights(whole))


def test_the_evaluations_loss_is_a_mean_over_rows_whatever_their_batches(trainer: Callable[..., UPOTrainer]) -> None:
    whole = trainer(per_device_eval_batch_size=4).evaluate()
    assert trainer(per_device_eval_batch_size=3).evaluate()["eval_loss"] == pytest.approx(whole["eval_loss"])


def test_a_loss_that_is_not_finite_ends_the_run_names_the_term_and_leaves_no_checkpoint(
    trainer: Callable[..., UPOTrainer], tmp_path: Path
) -> None:
    broken = trainer(rewards=(1e5, *(0.5,) * 7), save_steps=1, logging_steps=1)
    with pytest.raises(TrainingError, match="infinite or NaN") as error:
        broken.train()
    assert "actor/loss" in error.value.where
    assert "dpo" not in error.value.where
    assert not [*tmp_path.rglob("checkpoint-*")]


def test_a_broken_loss_between_two_rows_of_metrics_is_found_before_a_checkpoint(
    trainer: Callable[..., UPOTrainer], tmp_path: Path
) -> None:
    broken = trainer(rewards=(float("nan"), *(0.5,) * 7), save_steps=1, logging_steps=10, max_steps=2)
    with pytest.raises(TrainingError, match="at or before step 1"):
        broken.train()
    assert not [*tmp_path.rglob("checkpoint-*")]


def test_the_value_head_moves_by_its_own_learning_rate(trainer: Callable[..., UPOTrainer]) -> None:
    """The first step of Adam is the learning rate in the direction of the sign."""
    run = trainer(baseline="value", learning_rate=1e-9)
    assert run.value_head is not None
    before, policy_before = [item.detach().clone() for item in run.value_head.parameters()], weights(run)
    run.train()
    moved = max(
        (after - item).abs().max().item() for after, item in zip(run.value_head.parameters(), before, strict=True)
    )
    assert moved == pytest.approx(0.01, rel=0.05)
    torch.testing.assert_close(weights(run), policy_before)


def test_a_resumed_run_continues_with_the_value_head_of_the_checkpoint(
    trainer: Callable[..., UPOTrainer], tmp_path: Path
) -> None:
    saved = trainer(baseline="value", save_steps=1)
    saved.train()
    resumed = trainer(baseline="value")
    assert saved.value_head is not None
    assert resumed.value_head is not None
    resumed.create_optimizer_and_scheduler(1)
    resumed._load_optimizer_and_scheduler(str(tmp_path / "run" / "checkpoint-1"))
    for ours, theirs in zip(resumed.value_head.parameters(), saved.value_head.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_of_another_kind_of_run_is_refused(trainer: Callable[..., UPOTrainer], tmp_path: Path) -> None:
    trainer(save_steps=1).train()
    with pytest.raises(OutputError, match="does not fit this run"):
        trainer(baseline="value", max_steps=2).train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-1"))


def test_a_checkpoint_that_cannot_be_written_is_an_error_of_the_run(
    trainer: Callable[..., UPOTrainer], tmp_path: Path
) -> None:
    run = trainer(save_steps=1)
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / STAGING).write_text("a file where a folder is to be")
    with pytest.raises(TrainingError, match="the checkpoint cannot be written") as error:
        run.train()
    assert "resume_from_checkpoint" in (error.value.fix or "")
    assert not (tmp_path / "run" / "checkpoint-1").exists()


def test_a_checkpoint_is_configured_as_the_base_model_and_holds_no_pickled_model(
    trainer: Callable[..., UPOTrainer], model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    trainer(save_steps=1).train()
    checkpoint = tmp_path / "run" / "checkpoint-1"
    assert read(checkpoint / "config.json") == read(model_folder("llama") / "config.json")
    assert (checkpoint / "model.safetensors").stat().st_mode == (checkpoint / "config.json").stat().st_mode
    assert not [*checkpoint.glob("pytorch_model*")]


def read(file: Path) -> Any:
    return {name: value for name, value in json.loads(file.read_text()).items() if name != "transformers_version"}


def test_the_summary_is_held_back_until_it_is_asked_for(trainer: Callable[..., UPOTrainer]) -> None:
    run = trainer()
    run.train()
    assert not any("train_runtime" in row for row in run.state.log_history)
    run.log_summary()
    assert run.state.log_history[-1]["train_runtime"] > 0
