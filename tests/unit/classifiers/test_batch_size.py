"""A classifier's score of a text is the one that it has alone, whatever it shares a batch with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from upo_sdk.classifiers import Window, safe_batch_size, window_logits

LIMIT = 48
WORDS = {"[PAD]": 0, "[UNK]": 1, **{f"word{n}": n for n in range(2, 60)}}
SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_labels": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
    "initializer_range": 0.5,
}
DYNAMIC = {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 8.0}}
PADS = {"pad_token_id": 0}
FAMILIES: dict[str, tuple[str, dict[str, Any], int]] = {
    "bert": ("bert", PADS, 8),
    "roberta": ("roberta", PADS, 8),
    "llama": ("llama", {}, 8),
    "gpt2, which reads the last token": ("gpt2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}, 8),
    "rotary embeddings that grow": ("llama", {**DYNAMIC, "max_position_embeddings": 16}, 1),
}


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "attention_mask"],
    )


def model(name: str) -> Any:
    family, own, _ = FAMILIES[name]
    torch.manual_seed(0)
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(family, **{**SIZES, **own})).eval()


def windows(lengths: list[int]) -> list[Window]:
    ids = [[2 + (7 * n + place) % 58 for place in range(length)] for n, length in enumerate(lengths)]
    return [Window(n, {"input_ids": own, "attention_mask": [1] * len(own)}) for n, own in enumerate(ids)]


def scores(classifier: Any, found: list[Window], size: int) -> torch.Tensor:
    logits = {window.text: row for window, row in window_logits(classifier, tokenizer(), found, size)}
    return torch.stack([logits[window.text] for window in found])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_score_is_the_same_alone_and_in_a_batch(name: str) -> None:
    classifier, found = model(name), windows([40, 3, 17, 9, 24, 5])
    size = safe_batch_size(classifier, tokenizer(), LIMIT, 8)
    assert size == FAMILIES[name][2]
    together = scores(classifier, found, size)
    for window, row in zip(found, together, strict=True):
        fresh = model(name)
        fresh.config.pad_token_id = 0
        torch.testing.assert_close(scores(fresh, [window], 1)[0], row, atol=1e-5, rtol=1e-6)


def test_a_model_that_fails_on_a_padded_batch_gets_one_text_at_a_time() -> None:
    classifier = model("llama")
    own = classifier.forward

    def alone(input_ids: torch.Tensor, **named: Any) -> Any:
        if len(input_ids) > 1:
            msg = "one text at a time"
            raise ValueError(msg)
        return own(input_ids=input_ids, **named)

    classifier.forward = alone
    assert safe_batch_size(classifier, tokenizer(), LIMIT, 8) == 1
