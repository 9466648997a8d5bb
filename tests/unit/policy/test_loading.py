"""Loading: no dropout in training, and a vocabulary that fits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from upo_sdk.config import ModelConfig
from upo_sdk.errors import ModelError
from upo_sdk.policy import (
    check_vocabulary,
    check_weights,
    load_language_model,
    load_tokenizer,
)
from upo_sdk.policy.model_kind import check_files

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def gpt2_with_dropout(tmp_path: Path) -> str:
    with torch.random.fork_rng():
        config = GPT2Config(
            vocab_size=20, n_embd=16, n_layer=2, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=1
        )
        GPT2LMHeadModel(config).save_pretrained(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize("dropout", [True, False])
def test_dropout_is_off_in_training_unless_asked_for(gpt2_with_dropout: str, dropout: bool) -> None:  # noqa: FBT001
    lm = load_language_model(ModelConfig(path=gpt2_with_dropout, dropout=dropout)).train()
    ids = torch.arange(12).unsqueeze(0)
    assert torch.equal(lm(input_ids=ids).logits, lm(input_ids=ids).logits) != dropout
    assert lm.config.resid_pdrop == 0.1


@pytest.mark.parametrize("padding", range(0, 64, 8))
def test_weights_lie_where_their_own_allocation_would_whatever_the_length_of_the_header(
    gpt2_with_dropout: str, padding: int
) -> None:
    file = Path(gpt2_with_dropout) / "model.safetensors"
    save_file(load_file(file), file, {"format": "pt", "padding": "." * padding})
    lm = load_language_model(ModelConfig(path=gpt2_with_dropout))
    assert {weight.data_ptr() % 64 for weight in lm.parameters()} == {0}
    assert lm.get_input_embeddings().weight is lm.get_output_embeddings().weight


@pytest.mark.parametrize(("key", "value"), [("use_cache", None), ("n_head", 0), ("n_embd", "16"), ("n_layer", -1.5)])
def test_a_value_that_no_configuration_can_have_is_the_models_error(
    gpt2_with_dropout: str, key: str, value: object
) -> None:
    file = Path(gpt2_with_dropout) / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | {key: value}), encoding="utf-8")
    with pytest.raises(ModelError, match="the model cannot be loaded: "):
        load_language_model(ModelConfig(path=gpt2_with_dropout))


def test_a_token_without_an_embedding_is_refused(gpt2_with_dropout: str) -> None:
    lm = load_language_model(ModelConfig(path=gpt2_with_dropout))
    check_vocabulary(lm, 19, "folder")
    with pytest.raises(ModelError, match="token 20, and the model has 20 embeddings"):
        check_vocabulary(lm, 20, "folder")


def test_weights_without_a_place_in_the_model_are_named(gpt2_with_dropout: str) -> None:
    folder = Path(gpt2_with_dropout)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 1}), encoding="utf-8")
    said: list[str] = []
    load_language_model(ModelConfig(path=gpt2_with_dropout), warn=said.append)
    assert len(said) == 1
    assert ".h.1." in said[0]


def test_weights_that_are_no_numbers_are_refused(gpt2_with_dropout: str) -> None:
    file = Path(gpt2_with_dropout) / "model.safetensors"
    weights = load_file(file)
    weights["transformer.ln_f.weight"][3] = float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"'transformer\.ln_f\.weight' contain NaN"):
        load_language_model(ModelConfig(path=gpt2_with_dropout))


def test_a_tokenizer_without_a_vocabulary_is_refused(model_folder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(model_folder("llama"), tmp_path / "copy")
    (tmp_path / "copy" / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing|cannot be loaded"):
        load_tokenizer(ModelConfig(path=str(tmp_path / "copy")))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_pointer_of_git_lfs_is_called_one(gpt2_with_dropout: str, name: str) -> None:
    file = Path(gpt2_with_dropout) / name
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", encoding="utf-8")
    with pytest.raises(ModelError, match="pointer of Git LFS") as caught:
        check_weights(file.parent) if name == "model.safetensors" else check_files(file.parent, "`model.path`")
    assert "git lfs pull" in str(caught.value.fix)
