"""Runs that train an adapter: the base stays, the reference is shared, and every command takes what they leave."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from upo_cli.main import main
from upo_sdk import align
from upo_sdk.errors import OutputError
from upo_sdk.events import CacheUsed
from upo_sdk.publish.merge import merge_adapter_to
from upo_sdk.publish.push import _contents
from upo_sdk.records import RunAdapter

from .conftest import config, same

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("peft")
pytestmark = pytest.mark.usefixtures("no_report")

LORA = {"lora": {"use_peft": True, "r": 4}}


class Reference:
    """Counts reference log-probs that were computed."""

    def __init__(self) -> None:
        self.computed = 0

    def on_event(self, event: object, /) -> None:
        if isinstance(event, CacheUsed) and event.task == "reference":
            self.computed += event.computed


def adapter(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / RunAdapter.WEIGHTS)


def test_the_reference_is_that_of_all_runs_from_the_base(settings: dict[str, Any], tmp_path: Path) -> None:
    counted = Reference()
    align(config(settings), callbacks=[counted])
    assert counted.computed > 0
    for seed in (1, 2):
        counted = Reference()
        more = {"training": {"seed": seed}, "output_dir": str(tmp_path / f"{seed}")}
        align(config(settings, LORA, more), callbacks=[counted])
        assert counted.computed == 0


def test_the_folder_holds_the_adapter_alone_and_says_what_it_is(settings: dict[str, Any]) -> None:
    run = align(config(settings, LORA))
    files = {path.name for path in run.output_dir.iterdir()}
    assert {RunAdapter.WEIGHTS, "adapter_config.json", "tokenizer.json"} <= files
    assert not {"model.safetensors", "config.json"} & files
    checkpoint = run.output_dir / "checkpoint-4"
    assert same(adapter(checkpoint), adapter(run.output_dir))
    assert run.adapter is not None
    assert run.adapter.r == 4
    assert 0 < run.adapter.trained < run.adapter.parameters
    card = (run.output_dir / "README.md").read_text(encoding="utf-8")
    assert "library_name: peft" in card
    assert "an adapter (LoRA, rank 4)" in card


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"lora": {"use_dora": True, "dropout": 0.2, "target_modules": ["q_proj", "up_proj"]}},
        {"lora": {"modules_to_save": ["lm_head"]}, "training": {"gradient_checkpointing": True}},
        {"training": {"bf16": True, "layout": "padded"}},
    ],
    ids=["LoRA", "DoRA with dropout", "a head, activation checkpointing", "bf16, padded"],
)
def test_a_resumed_run_ends_in_the_same_adapter_bit_for_bit(settings: dict[str, Any], more: dict[str, Any]) -> None:
    whole = align(config(settings, LORA, more))
    expected = adapter(whole.output_dir)
    resumed = align(config(settings, LORA, more, {"resume_from_checkpoint": "checkpoint-2"}))
    assert same(adapter(resumed.output_dir), expected)


def test_another_adapter_on_resuming_is_an_error(settings: dict[str, Any]) -> None:
    align(config(settings, LORA))
    for lora in ({"r": 8}, {"use_peft": False, "r": 16}):
        with pytest.raises(OutputError, match="adapter: "):
            align(config(settings, LORA, {"lora": lora, "resume_from_checkpoint": "checkpoint-2"}))


def test_it_is_trained_further_and_the_start_is_the_reference(settings: dict[str, Any], tmp_path: Path) -> None:
    first = align(config(settings, LORA))
    more = {"model": str(first.output_dir), "output_dir": str(tmp_path / "further")}
    further = align(config(settings, LORA, more))
    assert not same(adapter(further.output_dir), adapter(first.output_dir))
    rows = [json.loads(line) for line in (further.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert abs(rows[0]["rewards/margins"]) < 1e-5
    base = json.loads((further.output_dir / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert base == settings["model"]


def test_eval_compares_it_with_its_base(settings: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    run = align(config(settings, LORA))
    with pytest.raises(SystemExit) as ended:
        main(["eval", str(run.output_dir), "--eval_prompts", "4", "--max_new_tokens", "4", "--json"])
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["baseline"]["path"] == settings["model"]
    assert found["model"]["weights_sha256"] != found["baseline"]["weights_sha256"]


def test_merged_it_gives_the_same_log_probs(
    settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = align(config(settings, LORA))
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(run.output_dir), "--output_dir", str(tmp_path / "merged")])
    assert ended.value.code == 0
    assert "log-probs of" in capsys.readouterr().out
    ids = torch.tensor([[5, 6, 7, 8]])
    apart, merged = (
        AutoModelForCausalLM.from_pretrained(path).eval() for path in (run.output_dir, tmp_path / "merged")
    )
    torch.testing.assert_close(merged(ids).logits, apart(ids).logits, atol=1e-4, rtol=1e-4)
    assert (tmp_path / "merged" / "tokenizer.json").is_file()
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(run.output_dir), "--output_dir", str(tmp_path / "merged")])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["merge", str(tmp_path / "merged")])
    assert ended.value.code == 2
    assert "nothing to merge" in capsys.readouterr().err


def test_half_precision_says_what_it_costs(settings: dict[str, Any], tmp_path: Path) -> None:
    from upo_sdk.config import ModelConfig

    run = align(config(settings, LORA))
    exact, rounded = (
        merge_adapter_to(tmp_path / dtype, ModelConfig(path=str(run.output_dir), dtype=dtype))
        for dtype in ("float32", "bfloat16")
    )
    assert exact.largest < 1e-5 < rounded.largest


def test_what_is_pushed_names_no_folder_of_this_machine(settings: dict[str, Any]) -> None:
    run = align(config(settings, LORA))
    contents = _contents(run.output_dir, "owner/name", samples=False)
    pushed = json.loads(contents["adapter_config.json"])
    assert pushed["base_model_name_or_path"] == run.model.known_as.name
    assert not any(settings["model"].encode() in item for item in contents.values() if isinstance(item, bytes))
