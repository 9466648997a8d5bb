"""Loading: no dropout in training, and a vocabulary that fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from upo_sdk.config import ModelConfig
from upo_sdk.errors import ModelError
from upo_sdk.policy import check_vocabulary, load_language_model


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


def test_a_token_without_an_embedding_is_refused(gpt2_with_dropout: str) -> None:
    lm = load_language_model(ModelConfig(path=gpt2_with_dropout))
    check_vocabulary(lm, 19, "folder")
    with pytest.raises(ModelError, match="token 20, and the model has 20 embeddings"):
        check_vocabulary(lm, 20, "folder")
