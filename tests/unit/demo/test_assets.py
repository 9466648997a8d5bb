from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from scripts.demo_world import make_pairs
from upo_sdk.demo import demo_data_path, demo_model_path
from upo_sdk.demo.grammar import is_helpful, is_rude


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(demo_model_path(), local_files_only=True)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(demo_model_path(), local_files_only=True)


def test_model_tokenizer_and_data_are_at_most_8_megabytes() -> None:
    assets = demo_data_path().parent.parent
    assert sum(path.stat().st_size for path in assets.rglob("*")) <= 8e6


def test_asking_where_the_assets_are_imports_neither_torch_nor_transformers() -> None:
    code = """
import sys
import upo_sdk.demo

upo_sdk.demo.demo_model_path()
sys.exit("torch" in sys.modules or "transformers" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_model_loads_in_float32_ready_to_train(model: PreTrainedModel) -> None:
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_tokens_give_the_text_back(tokenizer: PreTrainedTokenizerFast) -> None:
    texts = [text for pair in make_pairs(0)[1] for text in (pair.prompt, pair.chosen)] + ["Ünknown words, 2 of them!"]
    assert [tokenizer.decode(tokenizer(text)["input_ids"]) for text in texts] == texts


def test_prompt_and_response_tokenised_together_split_at_the_prompt(tokenizer: PreTrainedTokenizerFast) -> None:
    for pair in make_pairs(0)[1]:
        prompt, response = (tokenizer(text)["input_ids"] for text in (pair.prompt, pair.chosen))
        assert tokenizer(pair.prompt + pair.chosen)["input_ids"] == prompt + response


def test_the_chat_template_writes_the_form_the_model_was_trained_on(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = [{"role": "user", "content": "Any ideas?"}, {"role": "assistant", "content": "None."}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == "Customer: Any ideas?\nAgent: None.<|end|>"


def test_the_model_ends_its_answers_and_is_half_helpful_and_half_rude(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
) -> None:
    prompts = [pair.prompt for pair in make_pairs(0)[1]]
    torch.manual_seed(0)
    encoded = tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt")
    ids = model.generate(**encoded, do_sample=True, top_p=0.95, top_k=0, max_new_tokens=64)
    new = ids[:, encoded["input_ids"].shape[1] :]
    responses = tokenizer.batch_decode(new, skip_special_tokens=True)
    assert (new == tokenizer.eos_token_id).any(-1).float().mean() > 0.98
    assert 0.35 < sum(map(is_rude, responses)) / 200 < 0.55
    assert 0.5 < sum(map(is_helpful, prompts, responses)) / 200 < 0.75
