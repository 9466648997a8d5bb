"""The plan: what is chosen for the user is said, and what cannot work is refused before any work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError, DataError, ObjectiveRefError, UPOError
from upo_sdk.plan import RunPlan, make_plan
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def plan(**settings: Any) -> RunPlan:
    return make_plan(build_config(settings), load_registry())


def test_the_demo_says_that_it_is_the_demo_and_which_scorer_it_chose() -> None:
    made = plan(objectives=["toxicity:0.3"])
    assert made.is_demo
    assert [item.label for item in made.objectives] == ["dpo", "toxicity"]
    assert any("built-in demo" in text for text in made.notices)
    assert any("model=builtin" in text for text in made.notices)
    assert any("'dpo' is used" in text for text in made.notices)
    assert not any("is not used" in text for text in (*made.notices, *made.warnings))
    assert made.parameters > 1_000_000


@pytest.mark.parametrize(
    ("objectives", "loss", "gamma", "notice"),
    [
        (["kto", "toxicity:0.3"], {}, 0.25, "γ is 0.25 in the demo"),
        (["kto", "toxicity:0.3"], {"gamma": 0.7}, 0.7, None),
        (["dpo", "toxicity:0.3"], {}, 1.0, None),
        (["dpo,loss_type=sppo_hard", "toxicity:0.3"], {}, 1.0, "not tested with these objectives"),
    ],
)
def test_gamma_in_the_demo_suits_the_preference_objective_or_the_plan_says_that_none_is_known(
    objectives: list[str], loss: dict[str, float], gamma: float, notice: str | None
) -> None:
    made = plan(objectives=objectives, loss=loss)
    assert made.config.loss.gamma == gamma
    found = [text for text in made.notices if "γ" in text]
    assert [notice in text for text in found if notice] == ([True] if notice else [])
    assert bool(found) == bool(notice)


def test_what_the_user_sets_wins_over_the_demos_settings() -> None:
    made = plan(objectives=["toxicity:0.3,model=builtin"], loss={"lambda": 3.0}, training={"max_steps": 7})
    assert (made.config.loss.lambda_, made.config.loss.gamma, made.steps) == (3.0, 1.0, 7)
    assert not any("uses model=builtin" in text for text in made.notices)


def test_the_demo_leaves_gamma_to_the_data_if_asked_to() -> None:
    made = plan(objectives=["toxicity:0.3"], loss={"scale": "balanced"})
    assert (made.config.loss.scale, made.config.loss.lambda_) == ("balanced", 12.0)


def test_only_rows_that_max_steps_can_reach_are_prepared_and_the_same_seed_draws_the_same() -> None:
    settings: dict[str, Any] = {"training": {"max_steps": 5, "per_device_train_batch_size": 4}}
    first, second = plan(**settings), plan(**settings)
    assert len(first.data.train) == 20
    assert first.data.train["row"][:] == second.data.train["row"][:]


def test_an_auxiliary_term_that_never_starts_is_the_first_warning_and_says_what_to_type() -> None:
    made = plan(objectives=["length:0.3,target=9"], training={"max_steps": 30}, loss={"gate_steps": 30})
    assert made.warnings[0].startswith("length would have no effect: auxiliary objectives start after 30 steps")
    assert made.warnings[0].endswith("this run has 30; add `loss.gate_steps=3`")
    assert not plan(objectives=["length:0.3,target=9"], training={"max_steps": 31}, loss={"gate_steps": 30}).warnings


def test_a_gate_is_compared_with_the_steps_of_all_epochs(model_folder: Callable[[str], Path], pairs_file: Path) -> None:
    """Twelve rows, four by four, two batches a step: two steps an epoch, and five in two and a half epochs."""
    training = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "num_train_epochs": 2.5}
    settings: dict[str, Any] = {"model": str(model_folder("llama")), "data": str(pairs_file), "training": training}
    settings["objectives"] = ["length:0.3,target=9"]
    assert "this run has 5; add `loss.gate_steps=0`" in plan(**settings, loss={"gate_steps": 5}).warnings[0]
    assert not plan(**settings, loss={"gate_steps": 4}).warnings


def test_plain_text_that_does_not_go_through_the_chat_template_is_told_but_not_of_the_demo(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages }}", encoding="utf-8")
    chat = {"path": str(model_folder("llama")), "chat_template": str(template)}
    assert [text for text in plan(model=chat, data=str(pairs_file)).notices if "plain text" in text]
    assert not [text for text in plan().notices if "plain text" in text]


def test_dpo_alone_on_the_demo_is_warned_of() -> None:
    assert any("forgets how to write" in text for text in plan(objectives=["dpo"]).warnings)


@pytest.mark.parametrize("given", [{"model": "some/model"}, {"data": "some.jsonl"}])
def test_a_model_without_data_or_data_without_a_model_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="is missing"):
        plan(**given)


def test_an_objective_that_needs_pairs_refuses_single_completions(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "unpaired.jsonl"
    path.write_text(json.dumps({"prompt": "a", "completion": "b", "label": True}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="'dpo' needs pairs"):
        plan(model=str(model_folder("llama")), data=str(path), objectives=["dpo"])


def test_only_preference_objectives_of_weight_zero_are_refused() -> None:
    with pytest.raises(ConfigError, match="weight above zero"):
        plan(objectives=["dpo:0", "length:0.1,target=9"])


def test_a_length_beyond_the_models_positions_is_lowered_and_said(
    model_folder: Callable[[str], Path], pairs_file: Path
) -> None:
    made = plan(model=str(model_folder("gpt2")), data=str(pairs_file))
    assert made.data_config.max_length == 256
    assert any("`data.max_length` is 256" in text for text in made.notices)


def test_steps_count_accumulation_and_epochs(model_folder: Callable[[str], Path], pairs_file: Path) -> None:
    training = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3, "num_train_epochs": 2}
    assert plan(model=str(model_folder("llama")), data=str(pairs_file), training=training).steps == 4


def test_steps_of_a_token_budget_are_estimated_and_said_to_be(
    model_folder: Callable[[str], Path], pairs_file: Path
) -> None:
    places = {"model": str(model_folder("llama")), "data": str(pairs_file)}
    generous = plan(**places, training={"tokens_per_batch": 10_000, "num_train_epochs": 3})
    assert generous.steps == 3
    assert any("about 12.0 rows per batch, estimated from 12 rows" in text for text in generous.notices)
    assert plan(**places, training={"tokens_per_batch": 1}).steps == 12


def test_max_steps_of_a_token_budget_draws_about_the_rows_it_can_reach(
    model_folder: Callable[[str], Path], pairs_file: Path
) -> None:
    training = {"tokens_per_batch": 1, "max_steps": 2, "gradient_accumulation_steps": 2}
    made = plan(model=str(model_folder("llama")), data=str(pairs_file), training=training)
    assert (made.steps, len(made.data.train)) == (2, 4)


@pytest.mark.parametrize("baseline", ["soft", "prompt-mean"])
def test_a_baseline_computed_once_refuses_a_weight_that_changes(baseline: str) -> None:
    with pytest.raises(ConfigError, match=f"the baseline '{baseline}' is computed once"):
        plan(objectives=["length:0.1@linear(0,5),target=9"], loss={"baseline": baseline})
    assert plan(objectives=["dpo@linear(5,0)", "length:0.1,target=9"], loss={"baseline": baseline}).steps


def test_a_preference_objective_has_nothing_to_normalise() -> None:
    with pytest.raises(ObjectiveRefError, match="no rewards to normalise"):
        plan(objectives=["dpo,normalize=zscore"])


def test_a_schedule_that_starts_behind_the_end_is_warned_of() -> None:
    made = plan(objectives=["length:0.1@step(5),target=9"], training={"max_steps": 5}, loss={"gate_steps": 0})
    assert any("weight 0 before step 6, and this run has only 5" in text for text in made.warnings)


def test_columns_with_numbers_are_named_and_checked(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    row = {"prompt": "a", "chosen": "b", "rejected": "c", "sample_weight": 2, "margin": 0.5, "reward/length": [1, 0]}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    settings = {"model": str(model_folder("llama")), "data": str(path), "objectives": ["dpo", "length:0.1,target=9"]}
    notices = " ".join(plan(**settings).notices)
    assert "column 'sample_weight' is" in notices
    assert "column 'margin' is subtracted from the logit of dpo" in notices
    assert "'length' does not score the data" in notices
    with pytest.raises(DataError, match="compares the pairs of a batch"):
        plan(**{**settings, "objectives": ["dpo,loss_type=aot"]})
    path.write_text(json.dumps({**row, "sample_weight": -2}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="below 0"):
        plan(**settings)


def test_the_plan_knows_the_tokens_of_a_step_and_what_truncation_changes_in_a_sample(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"{n:03}", "chosen": "\x01" * 9, "rejected": "\x02" * (99 if n == 0 else 4)} for n in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    training = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    data = {"path": str(path), "max_length": 20}
    made = plan(model=str(model_folder("llama")), data=data, training=training)
    # a prompt of 3, a chosen response of 9 and EOS, a rejected one of 4 and EOS; the first row's of 99 keeps 19 at most
    assert made.rows_per_step == 4
    assert made.sample.truncation.rows == 8
    assert made.sample.truncation.responses_shortened == 1
    assert made.sample.tokens_R[1:] == [3 + 10 + 5] * 7
    assert made.tokens_per_step == pytest.approx(4 * sum(made.sample.tokens_R) / 8)


def test_conversations_without_a_chat_template_are_refused_by_the_plan(
    model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "chats.jsonl"
    row = {
        "prompt": [{"role": "user", "content": "Hi"}],
        "chosen": [{"role": "assistant", "content": "Hello"}],
        "rejected": [{"role": "assistant", "content": "Go"}],
    }
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(UPOError, match="chat template"):
        plan(model=str(model_folder("llama")), data=str(path))


def test_bad_rows_of_the_sample_are_counted_in_all_rows(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"{n} ", "chosen": "word word yes", "rejected": "word word no"} for n in range(400)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match="all 400 pairs become identical"):
        plan(model=str(model_folder("llama")), data={"path": str(path), "max_length": 2})


def test_gpus_that_are_left_idle_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert "one of 4 GPUs is used; for all of them: torchrun --nproc_per_node 4" in plan(objectives=["dpo"]).warnings[0]
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not any("GPUs" in text for text in plan(objectives=["dpo"]).warnings)
