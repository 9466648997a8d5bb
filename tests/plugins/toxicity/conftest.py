"""Tiny classifiers made on the spot: no download, milliseconds each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from upo_plugins.toxicity.objective import Toxicity
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "are", "kind", "an", "idiot", "word", ".", "!", "?"]
ORIGINAL = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


class Tiny:
    """The makers of tiny models, as one fixture."""

    words = tuple(VOCABULARY)
    classes = tuple(ORIGINAL)

    def bert(self, outputs: int, **config: Any) -> BertForSequenceClassification:
        """Return a random classifier whose outputs depend visibly on the text."""
        torch.manual_seed(0)
        settings = {
            "vocab_size": len(VOCABULARY),
            "max_position_embeddings": 64,
            "num_labels": outputs,
            **SMALL,
            **config,
        }
        model = BertForSequenceClassification(BertConfig(initializer_range=0.5, **settings))
        return model.eval()

    def roberta(self, outputs: int) -> RobertaForSequenceClassification:
        """Return a random classifier whose positions start after the padding index, as RoBERTa's do."""
        torch.manual_seed(0)
        config = RobertaConfig(
            vocab_size=len(VOCABULARY),
            max_position_embeddings=34,
            num_labels=outputs,
            initializer_range=0.5,
            type_vocab_size=1,
            **SMALL,
        )
        return RobertaForSequenceClassification(config).eval()

    def save_base(self, folder: Path, model: PreTrainedModel) -> Path:
        """Write a config and a vocabulary, without weights."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
        model.config.save_pretrained(folder)
        tokenizer = BertTokenizer.from_pretrained(folder)
        # RoBERTa numbers its padding 1; with this vocabulary that is the unknown word.
        tokenizer.pad_token = VOCABULARY[int(model.config.pad_token_id or 0)]
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
        tokenizer.save_pretrained(folder)
        return folder

    def checkpoint_of(self, model: PreTrainedModel, classes: Sequence[str], model_type: str) -> dict[str, Any]:
        """Return the content of a checkpoint in Detoxify's format."""
        name = type(model).__name__
        arguments = {
            "num_classes": model.config.num_labels,
            "model_type": model_type,
            "model_name": name,
            "tokenizer_name": name.replace("ForSequenceClassification", "Tokenizer"),
        }
        return {
            "state_dict": model.state_dict(),
            "config": {"arch": {"args": arguments}, "dataset": {"args": {"classes": classes}}},
        }


@pytest.fixture(autouse=True)
def empty_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own caches and settings out of the tests."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("upo_sdk.network.is_reachable", lambda _url: False)  # as on a machine without a network
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def score() -> Callable[..., list[float]]:
    """Score texts with a fresh objective."""

    def run(*texts: str, **options: Any) -> list[float]:
        objective = Toxicity(ToxicityOptions(**options))
        objective.setup("cpu")
        rewards = objective.rewards([Completion("hello", text) for text in texts])
        objective.close()
        return rewards

    return run


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    """Return the makers of tiny models."""
    return Tiny()


@pytest.fixture
def base(tiny: Tiny, tmp_path: Path) -> Path:
    """Return a folder with a tiny BERT's config and vocabulary."""
    return tiny.save_base(tmp_path / "base", tiny.bert(6))


@pytest.fixture
def checkpoint(tiny: Tiny, tmp_path: Path) -> Path:
    """Return a tiny checkpoint as Detoxify publishes them: its config names a hub model."""
    path = tmp_path / "tiny.ckpt"
    torch.save(tiny.checkpoint_of(tiny.bert(6), ORIGINAL, "bert-base-uncased"), path)
    return path
