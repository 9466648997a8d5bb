"""Tiny classifiers and reward models made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "user",
    "assistant",
    "please",
    "thanks",
    "no",
    "why",
    "word",
    "good",
    "bad",
]
TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}

NUMBERS = {word: number for number, word in enumerate(WORDS)}


def tokenizer(**settings: Any) -> PreTrainedTokenizerFast:
    """Return a tokenizer of whole words; with ``marks``, it puts [CLS] and [SEP] around texts."""
    raw = Tokenizer(models.WordLevel(NUMBERS, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if settings.pop("marks"):
        raw.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", **settings)


@pytest.fixture
def classifier(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a BERT with these labels."""

    def save(*labels: str, **config: Any) -> Path:
        torch.manual_seed(0)
        names = dict(enumerate(labels))
        settings = BertConfig(
            vocab_size=len(WORDS),
            max_position_embeddings=64,
            initializer_range=0.5,
            id2label=names,
            label2id={name: number for number, name in names.items()},
            **SMALL,
            **config,
        )
        BertForSequenceClassification(settings).save_pretrained(tmp_path / "classifier")
        made = tokenizer(
            marks=True, pad_token="[PAD]", model_input_names=["input_ids", "token_type_ids", "attention_mask"]
        )
        made.save_pretrained(tmp_path / "classifier")
        return tmp_path / "classifier"

    return save


@pytest.fixture
def reward_model(tmp_path: Path) -> Path:
    """Save a decoder with one output, a chat template, and no padding token, as many reward models are."""
    torch.manual_seed(0)
    settings = LlamaConfig(
        vocab_size=len(WORDS),
        num_labels=1,
        initializer_range=0.5,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=None,
        **SMALL,
    )
    LlamaForSequenceClassification(settings).save_pretrained(tmp_path / "reward")
    tokenizer(marks=False, eos_token="[SEP]", chat_template=TEMPLATE).save_pretrained(tmp_path / "reward")
    return tmp_path / "reward"


@pytest.fixture
def outputs() -> Callable[[Path, str], torch.Tensor]:
    """Return a function that runs a saved model over hand-written tokens, one text alone; ``|`` begins a second one."""

    def run(folder: Path, text: str) -> torch.Tensor:
        first, _, second = text.partition("|")
        ids = [[NUMBERS[word] for word in part.split()] for part in (first, second)]
        inputs: dict[str, Any] = {"input_ids": torch.tensor([ids[0] + ids[1]])}
        if folder.name == "classifier":
            model: Any = BertForSequenceClassification.from_pretrained(folder)
            inputs["token_type_ids"] = torch.tensor([[0] * len(ids[0]) + [1] * len(ids[1])])
        else:
            model = LlamaForSequenceClassification.from_pretrained(folder)
        with torch.no_grad():
            return model.eval()(**inputs).logits[0]

    return run
