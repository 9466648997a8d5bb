"""A path that is no causal language model is named as what it is, with what to do."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import ModelConfig
from upo_sdk.errors import ModelError
from upo_sdk.policy import check_weights, load_model_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOKENIZER = {"tokenizer.json": "{}", "tokenizer_config.json": "{}"}
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}

FOLDERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "an adapter with pickled weights": (
        {"adapter_config.json": {"base_model_name_or_path": "org/base"}, "adapter_model.bin": "x"},
        "the weights are pickled (adapter_model.bin)",
        "save_pretrained",
    ),
    "an adapter beside its base": (
        {"adapter_config.json": {}, "config.json": LLAMA, "adapter_model.safetensors": "x"},
        "damaged or cut off",
        "copy the file again",
    ),
    "a tokenizer": (TOKENIZER, "a tokenizer and no model", "`model.tokenizer`"),
    "GGUF files": ({"model-Q4.gguf": "GGUF"}, "llama.cpp", "that it was made from"),
    "original weights": ({"params.json": {}, "consolidated.00.pth": "x"}, "publisher's own format", "transformers"),
    "a pipeline of images": ({"model_index.json": {}}, "diffusers", "causal language model"),
    "an embedding model": ({"modules.json": []}, "sentence-transformers", "causal language model"),
    "an unfinished run": ({"run.json": {}, "checkpoint-5/x": "x"}, "not finished", "checkpoint-5"),
    "nothing": ({}, "config.json is missing", "save_pretrained"),
    "a broken config": ({"config.json": "{"}, "cannot be loaded", "save_pretrained"),
    "an encoder-decoder": (
        {"config.json": {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}},
        "an encoder-decoder",
        "ForCausalLM",
    ),
    "an encoder-decoder without a head": ({"config.json": {"model_type": "bart"}}, "an encoder-decoder", "ForCausalLM"),
    "an encoder": (
        {"config.json": {"model_type": "bert", "architectures": ["BertForMaskedLM"]}},
        "fills in masked words (BertForMaskedLM, type 'bert')",
        "ForCausalLM",
    ),
    "an encoder without a head": (
        {"config.json": {"model_type": "roberta", "architectures": ["RobertaModel"]}},
        "which cannot generate text",
        "ForCausalLM",
    ),
    "an encoder that no language model shares a type with": (
        {"config.json": {"model_type": "distilbert", "architectures": ["DistilBertModel"]}},
        "no causal language model",
        "ForCausalLM",
    ),
    "a reward model": (
        {"config.json": {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}},
        "a classifier, or a reward model",
        "ForCausalLM",
    ),
    "a vision-language model": (
        {"config.json": {"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]}},
        "a model of images and text",
        "ForCausalLM",
    ),
    "a vision-language model whose text part is a type of its own": (
        {"config.json": {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]}},
        "a model of images and text",
        "ForCausalLM",
    ),
    "speech": (
        {"config.json": {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]}},
        "an encoder-decoder",
        "ForCausalLM",
    ),
    **{
        f"weights quantised by {method}": (
            {"config.json": {**LLAMA, "quantization_config": {"quant_method": method, "bits": 4}}},
            f"quantised ({method}, 4 bits)",
            "without the suffix",
        )
        for method in ("gptq", "awq")
    },
    "weights quantised by bitsandbytes": (
        {"config.json": {**LLAMA, "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}},
        "quantised (bitsandbytes, 4 bits)",
        "made from",
    ),
    "pickled weights": (
        {"config.json": LLAMA, "pytorch_model.bin": "x"},
        "pickled (pytorch_model.bin)",
        "save_pretrained",
    ),
    "pickled shards": (
        {"config.json": LLAMA, "pytorch_model.bin.index.json": {}, "pytorch_model-00001-of-00002.bin": "x"},
        "pickled",
        "save_pretrained",
    ),
    "a config beside GGUF": ({"config.json": LLAMA, "m.gguf": "x"}, "llama.cpp", "made from"),
    "weights of TensorFlow": ({"config.json": LLAMA, "tf_model.h5": "x"}, "TensorFlow", "model.safetensors"),
    "weights of another name": ({"config.json": LLAMA, "weights.safetensors": "x"}, "only weights.saf", "safetensors"),
    "no weights": ({"config.json": LLAMA, **TOKENIZER}, "no weights", "save_pretrained"),
    "a shard that is missing": (
        {"config.json": LLAMA, "model.safetensors.index.json": {"weight_map": {"a": "model-1-of-1.safetensors"}}},
        "a part of the weights is missing: model-1-of-1.safetensors",
        "again",
    ),
    "weights that are cut off": ({"config.json": LLAMA, "model.safetensors": "short"}, "damaged or cut off", "again"),
}


def write(folder: Path, files: dict[str, Any]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def check(path: Path) -> None:
    load_model_config(ModelConfig(path=str(path)))
    check_weights(path)


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_is_named_as_what_it_is(kind: str, tmp_path: Path) -> None:
    files, what, fix = FOLDERS[kind]
    write(tmp_path / "model", files)
    with pytest.raises(ModelError) as caught:
        check(tmp_path / "model")
    assert what in caught.value.what
    assert fix in (caught.value.fix or "")
    assert str(tmp_path / "model") in (caught.value.where or "")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("model.Q4_K_M.gguf", "llama.cpp"),
        ("pytorch_model.bin", "pickled"),
        ("model.safetensors", "weights alone"),
        ("config.json", "one file of a model"),
        ("model.zip", "not a model's folder"),
    ],
)
def test_a_file_is_named_as_what_it_is(name: str, what: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x", encoding="utf-8")
    with pytest.raises(ModelError, match=what):
        check(tmp_path / name)


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2"])
def test_a_language_model_is_none_of_them(family: str, model_folder: Callable[[str], Path]) -> None:
    check(model_folder(family))


@pytest.mark.parametrize(
    "changes",
    [{"architectures": None}, {"architectures": ["LlamaModel"]}, {"architectures": ["MyLlamaForCausalLM"]}],
)
def test_a_config_that_names_no_head_or_an_unknown_one_is_left_to_transformers(
    changes: dict[str, Any], model_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(model_folder("llama"), tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, **changes}))
    check(tmp_path / "model")


def test_a_model_of_images_that_is_loaded_whole_as_a_language_model_is_allowed(tmp_path: Path) -> None:
    write(
        tmp_path / "model",
        {"config.json": {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}},
    )
    load_model_config(ModelConfig(path=str(tmp_path / "model")))


@pytest.mark.parametrize("path", ["x y", "-", "-1", "a--b"])
def test_what_is_no_folder_and_no_hub_name_is_said_to_be_neither(path: str) -> None:
    with pytest.raises(ModelError, match="neither a folder nor the name of a model"):
        load_model_config(ModelConfig(path=path))
