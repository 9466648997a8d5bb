"""Loading: no dropout in training, and a vocabulary that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from upo_sdk.config import ModelConfig
from upo_sdk.errors import ModelError
from upo_sdk.policy import check_vocabulary, load_language_model

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_token_without_an_embedding_is_refused(gpt2_with_dropout: str) -> None:
    lm = load_language_model(ModelConfig(path=gpt2_with_dropout))
    check_vocabulary(lm, 19, "folder")
    with pytest.raises(ModelError, match="token 20, and the model has 20 embeddings"):
        check_vocabulary(lm, 20, "folder")
