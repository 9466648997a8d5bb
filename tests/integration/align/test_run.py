"""Whole runs on small real models: what they leave behind, and what they leave alone."""

from __future__ import annotations

import json
import shutil
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from recorder import Recorder
from transformers import LlamaConfig

from upo_sdk import align, load_run
from upo_sdk.cache import prune_cache
from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError, OutputError, UPOError
from upo_sdk.events import CheckpointSaved, Notice, PlanReady, Progress, RunFinished, ScoresReady, StepLogged
from upo_sdk.plugin.registry import load_registry
from upo_sdk.run import plan_run

from .conftest import config, same, weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2"])
def test_a_run_leaves_a_model_that_loads_and_generates(
    settings: dict[str, Any], model_folder: Callable[[str], Path], family: str
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = align(config(settings, {"model": str(model_folder(family)), "objectives": ["kto", "length:0.5,target=8"]}))
    lm = AutoModelForCausalLM.from_pretrained(result.output_dir)
    tokenizer = AutoTokenizer.from_pretrained(result.output_dir)
    inputs = tokenizer("How do I", return_tensors="pt")
    generated = lm.generate(inputs["input_ids"], max_new_tokens=4, do_sample=False, pad_token_id=1)
    assert generated.shape[1] > inputs["input_ids"].shape[1]
    assert not same(weights(result.output_dir), weights(model_folder(family)))


@pytest.mark.usefixtures("no_report")
def test_the_run_folder_tells_what_was_run(settings: dict[str, Any]) -> None:
    result = align(config(settings))
    folder = result.output_dir
    manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "completed"
    assert [item["label"] for item in manifest["objectives"]] == ["dpo", "length", "lexical"]
    assert all(len(item["code_sha256"]) == 64 for item in manifest["objectives"])
    assert manifest["software"]["torch"] == version("torch")
    resolved = yaml.safe_load((folder / "config.resolved.yaml").read_text(encoding="utf-8"))
    assert build_config(resolved) == config(settings)
    assert "library_name: transformers" in (folder / "README.md").read_text(encoding="utf-8")
    assert (folder / "checkpoint-4" / "value_head.safetensors").is_file()
    assert not list(folder.rglob("training_args.bin"))


def test_a_run_that_compares_answers_leaves_samples_distributions_and_a_report(settings: dict[str, Any]) -> None:
    more = {"eval_prompts": 3, "objectives": ["dpo", "length:0.5,target=8", "lexical:0,metric=diversity"]}
    folder = align(config(settings, more), command=["upo", "train", "--set", "x=https://me:secret@host/"]).output_dir
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(samples) == 3
    assert all(sample["rewards"].keys() == {"length", "lexical"} for sample in samples)
    manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert manifest["command"] == "upo train --set x=https://***@host/"
    assert [item["label"] for item in manifest["held_out"]] == ["lexical"]
    before = sum(sample["rewards"]["lexical"]["baseline"] for sample in samples) / 3
    compared = manifest["evaluation"]["metrics"]["reward/lexical"]
    assert compared["baseline"]["mean"] == pytest.approx(before)
    found = json.loads((folder / "distributions.json").read_text(encoding="utf-8"))
    assert [item["label"] for item in found["rewards"]] == ["length"]
    assert found["completions"] == 24
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert found["advantage_weights"]["ess"] == pytest.approx(rows[3]["advantage/ess"], rel=1e-5)
    assert "upo train --set x=https://***@host/" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_report")
def test_prompts_are_shortened_so_that_answers_keep_to_the_models_positions(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    model = tmp_path / "short"
    shutil.copytree(settings["model"], model)
    LlamaConfig.from_pretrained(model, max_position_embeddings=24).save_pretrained(model)
    more = {"model": str(model), "eval_prompts": 2, "eval_max_new_tokens": 16, "training": {"max_steps": 1}}
    recorder = Recorder()
    assert align(config(settings, more), callbacks=[recorder]).evaluation.prompts == 2
    told = [
        event.text for event in recorder.events if isinstance(event, Notice) and "beginning is cut off" in event.text
    ]
    assert [text.partition(" after ")[0] for text in told] == ["2 of 2 prompts have more than the 8 tokens"]
    with pytest.raises(ConfigError, match=r"24 positions: with .* new tokens, none is left for a prompt"):
        plan_run(config(settings, more, {"eval_max_new_tokens": 64}), load_registry())


@pytest.mark.usefixtures("no_report")
def test_an_objective_of_weight_zero_changes_nothing_in_training(settings: dict[str, Any], tmp_path: Path) -> None:
    more = {"eval_prompts": 3, "objectives": ["dpo", "length:0.5,target=8"]}
    alone = align(config(settings, more))
    objectives = {"objectives": [*more["objectives"], "lexical:0,metric=diversity"]}
    watched = align(config(settings, more, objectives, {"output_dir": str(tmp_path / "watched")}))
    assert same(weights(alone.output_dir), weights(watched.output_dir))
    assert list(watched.evaluation.rewards) == ["length", "lexical"]


@pytest.mark.usefixtures("no_report")
def test_only_the_answers_before_training_are_shared_with_other_runs(settings: dict[str, Any]) -> None:
    recorder = Recorder()
    align(config(settings, {"eval_prompts": 3}), callbacks=[recorder])
    answering = [
        event for event in recorder.events if isinstance(event, Progress) and event.task.startswith("answering")
    ]
    assert [event.shared for event in answering if event.done == event.total] == ["base answers", None]


def test_events_come_in_order(settings: dict[str, Any]) -> None:
    recorder = Recorder()
    align(config(settings), callbacks=[recorder])
    kinds = [type(event) for event in recorder.events]
    order = [PlanReady, ScoresReady, StepLogged, CheckpointSaved, RunFinished]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)


@pytest.mark.usefixtures("no_report")
def test_gradient_accumulation_equals_the_big_batch(settings: dict[str, Any], tmp_path: Path) -> None:
    def run(batch: int, accumulation: int) -> dict[str, torch.Tensor]:
        training = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation, "max_steps": 3}
        training |= {"optim": "sgd", "learning_rate": 0.1}
        folder = {"output_dir": str(tmp_path / f"{batch}x{accumulation}")}
        return weights(align(config(settings, {"training": training}, folder)).output_dir)

    big, small = run(8, 1), run(1, 8)
    assert all(torch.allclose(big[name], small[name], atol=1e-5) for name in big)


@pytest.mark.usefixtures("no_report")
def test_an_objective_of_weight_zero_changes_nothing_and_is_not_scored(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    without = align(config(settings, {"objectives": ["dpo"], "output_dir": str(tmp_path / "without")}))
    zero = align(config(settings, {"objectives": ["dpo", "length:0,target=8"]}))
    assert same(weights(without.output_dir), weights(zero.output_dir))
    assert zero.scores == ()


@pytest.mark.usefixtures("no_report")
def test_runs_in_one_process_do_not_touch_each_other_or_the_random_state(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    alone = align(config(settings, {"output_dir": str(tmp_path / "alone")}))
    torch.manual_seed(123)
    expected = torch.rand(3)
    torch.manual_seed(123)
    results: dict[str, Any] = {}
    threads = [
        threading.Thread(
            target=lambda name=name: results.update(
                {name: align(config(settings, {"output_dir": str(tmp_path / name), "training": {"seed": 42}}))}
            )
        )
        for name in ("a", "b")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.rand(3), expected)
    assert all(same(weights(alone.output_dir), weights(results[name].output_dir)) for name in ("a", "b"))


@pytest.mark.usefixtures("no_report")
def test_one_policy_forward_per_step_and_none_for_the_reference_once_it_is_cached(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from upo_sdk.policy import Policy

    align(config(settings))
    calls: list[int] = []
    forward = Policy.forward

    def counted(self: Policy, **inputs: Any) -> Any:
        calls.append(1)
        return forward(self, **inputs)

    def begin_anew(event: object) -> None:  # the check of the layout is over
        if isinstance(event, Notice) and event.text.startswith("layout "):
            calls.clear()

    monkeypatch.setattr(Policy, "forward", counted)
    align(config(settings, {"overwrite_output_dir": True}), callbacks=[Recorder(begin_anew)])
    assert len(calls) == 4


def test_a_folder_that_is_not_empty_is_refused_and_stays_as_it_was(settings: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine", encoding="utf-8")
    for extra in ({}, {"overwrite_output_dir": True}):
        with pytest.raises(OutputError):
            align(config(settings, extra))
    assert (tmp_path / "run" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_a_run_that_fails_before_training_leaves_no_folder(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UPOError):
        align(config(settings, {"objectives": ["dpo", "builtins.x:nothing:0.1"]}))
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_report")
def test_unpaired_data_is_aligned_with_kto_by_itself(settings: dict[str, Any], tmp_path: Path) -> None:
    rows = [{"prompt": f"{n}?", "completion": f" answer {n}", "label": n % 2 == 0} for n in range(8)]
    path = tmp_path / "unpaired.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = align(config(settings, {"data": str(path), "objectives": ["length:0.5,target=2"]}))
    assert result.metrics["kto/kl"] >= 0


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("baseline", ["soft", "prompt-mean", "none"])
def test_every_baseline_trains(settings: dict[str, Any], baseline: str) -> None:
    result = align(config(settings, {"loss": {"baseline": baseline}}))
    assert result.metrics["value/loss"] == 0


@pytest.mark.usefixtures("no_report")
def test_a_loss_that_breaks_is_named_and_no_model_is_saved(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UPOError, match="infinite or NaN"):
        align(config(settings, {"training": {"learning_rate": 1e30, "max_grad_norm": 0, "save_steps": 0}}))
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["status"] == "failed"


@pytest.mark.usefixtures("no_report")
def test_nothing_is_pruned_from_the_cache_before_the_run_ends(settings: dict[str, Any]) -> None:
    refused = list[str]()

    class Pruner:
        def on_event(self, _event: Event, /) -> None:
            with pytest.raises(OutputError, match="the cache is in use") as caught:
                prune_cache(max_size=0)
            refused.append(caught.value.what)

    align(config(settings), callbacks=[Pruner()])
    assert refused
    assert prune_cache(max_size=0).entries


@pytest.mark.usefixtures("no_report")
def test_what_align_returns_is_what_the_folder_says(settings: dict[str, Any]) -> None:
    run = align(config(settings, {"eval_prompts": 3}))
    assert load_run(run.output_dir) == run
    assert run.evaluation is not None
    assert run.metrics["loss"] > 0
