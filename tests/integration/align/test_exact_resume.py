"""A run resumed from a checkpoint ends in the same weights as one that was never stopped, whatever its settings."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from upo_sdk import align

from .conftest import config, weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BEGINNING = 8
"""Bytes before the header of a safetensors file, which say how long it is."""


@pytest.fixture(scope="module")
def aligned_model(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    """Make a model whose base weights lie at a multiple of 64 bytes in their file, and those of checkpoints do not."""
    folder = tmp_path_factory.mktemp("aligned")
    shutil.copytree(model_folder("llama"), folder, dirs_exist_ok=True)
    vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
    sizes = {"hidden_size": 96, "intermediate_size": 136, "num_hidden_layers": 1, "num_attention_heads": 3}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = LlamaConfig(vocab_size=vocabulary, **sizes, attention_dropout=0.1, bos_token_id=0, eos_token_id=1)
        LlamaForCausalLM(made).save_pretrained(folder)
    file = folder / "model.safetensors"
    assert _start_of_weights(file) % 64
    tensors = load_file(file)
    for length in range(0, 64, 8):
        save_file(tensors, file, {"format": "pt", "padding": "." * length})
        if _start_of_weights(file) % 64 == 0:
            return folder
    raise AssertionError(length)


def _start_of_weights(file: Path) -> int:
    return _BEGINNING + int.from_bytes(file.read_bytes()[:_BEGINNING], "little")


_CASES: dict[str, dict[str, Any]] = {
    "layout packed": {"training": {"layout": "packed"}},
    "layout prefix-packed": {"training": {"layout": "prefix-packed"}},
    "layout prefix-shared": {"training": {"layout": "prefix-shared"}},
    "layout padded, gradient checkpointing": {"training": {"layout": "padded", "gradient_checkpointing": True}},
    "layout separate, bf16": {"training": {"layout": "separate", "bf16": True}},
    "layout prefix-cache, dropout": {"model": {"dropout": True}, "training": {"layout": "prefix-cache"}},
    "gradient accumulation": {"training": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2}},
    "weight schedules": {"objectives": ["dpo:1@cosine(4,0)", "length:0.5@linear(0,4),target=8"]},
    "kto, second epoch": {
        "objectives": ["kto", "length:0.5,target=8"],
        "training": {"per_device_train_batch_size": 12},
    },
    "rows of like length, no value head": {
        "loss": {"baseline": "soft"},
        "training": {"train_sampling_strategy": "group_by_length"},
    },
    "token budget, warm-up": {"training": {"tokens_per_batch": 150, "warmup_steps": 3}},
}


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("case", _CASES)
def test_a_resumed_run_is_exact_with(case: str, aligned_model: Path, settings: dict[str, Any]) -> None:
    model = {"path": str(aligned_model)}
    common = {**settings, "model": model, "objectives": ["dpo", "length:0.5,target=8"]}
    changes = ({"training": {"max_steps": 3}}, _CASES[case])
    whole = weights(align(config(common, *changes)).output_dir)
    resumed = weights(align(config(common, *changes, {"resume_from_checkpoint": "checkpoint-2"})).output_dir)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []
