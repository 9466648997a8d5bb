from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData

TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "<{{ m['role'] }}>{{ m['content'] }}</s> {% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: Any, name: str = "data.jsonl") -> str:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def load(write_rows: Callable[..., str]) -> Callable[..., PreferenceData]:
    """Write rows to a JSON Lines file and load them."""

    def write_and_load(*rows: Any, **settings: Any) -> PreferenceData:
        return load_preference_data(DataConfig(path=write_rows(*rows), **settings))

    return write_and_load


@pytest.fixture
def make_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    """One token per character (their code points), with special tokens 0 to 5 and one merged token ``ab`` = 999."""

    def make(*, bos: bool = False, eos: bool = True, chat: bool = False) -> PreTrainedTokenizerFast:
        specials = ["<s>", "</s>", "<unk>", "<user>", "<assistant>", "<system>"]
        vocabulary = {token: number for number, token in enumerate(specials)}
        vocabulary |= {chr(code): code for code in (10, *range(32, 127))} | {"ab": 999}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b")], unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split("\t", "isolated")
        tokenizer.add_special_tokens(specials)
        if bos:
            tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            unk_token="<unk>",
            bos_token="<s>" if bos else None,
            eos_token="</s>" if eos else None,
            chat_template=TEMPLATE if chat else None,
        )

    return make
