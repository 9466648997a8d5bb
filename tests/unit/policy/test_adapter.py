"""Adapters: put in without changing an output, saved so that everybody reads them, merged without loss, or refused."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from upo_sdk.config import LoraConfig, ModelConfig
from upo_sdk.errors import ConfigError, ModelError
from upo_sdk.policy import load_language_model, load_tokenizer
from upo_sdk.policy.adapter import (
    add_adapter,
    base_of,
    load_adapter,
    save_adapter,
    settings_of_adapter,
)
from upo_sdk.records import RunAdapter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel

peft = pytest.importorskip("peft")

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two modules": {"target_modules": ("q_proj", "v_proj"), "r": 4},
    "DoRA": {"use_dora": True},
    "rsLoRA": {"use_rslora": True},
    "a tied head": {"target_modules": ("q_proj",), "modules_to_save": ("lm_head",)},
    "tied embeddings": {"target_modules": ("embed_tokens",)},
}


def lora(**settings: Any) -> LoraConfig:
    return LoraConfig(use_peft=True, **settings)


def logits(lm: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = lm(IDS).logits
    return found


@pytest.fixture
def base(model_folder: Callable[[str], Path]) -> str:
    return str(model_folder("llama"))


@pytest.fixture
def make_adapter(base: str, tmp_path: Path) -> Callable[..., tuple[Path, PreTrainedModel]]:
    """Return a function that saves an adapter as if it had been trained, and returns the model with it."""

    def make(**settings: Any) -> tuple[Path, PreTrainedModel]:
        lm = load_language_model(ModelConfig(path=base))
        add_adapter(lm, lora(**settings), seed=1)
        generator = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in lm.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
        folder = tmp_path / "adapter"
        save_adapter(lm, folder)
        return folder, lm

    return make


def test_a_new_adapter_changes_no_output_and_only_it_is_trained(base: str) -> None:
    lm = load_language_model(ModelConfig(path=base))
    before = logits(lm)
    add_adapter(lm, lora(), seed=0)
    assert torch.equal(logits(lm), before)
    trained = {name for name, parameter in lm.named_parameters() if parameter.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)


def test_the_seed_decides_the_first_weights(base: str) -> None:
    def first(seed: int) -> torch.Tensor:
        lm = load_language_model(ModelConfig(path=base))
        add_adapter(lm, lora(), seed=seed)
        return next(parameter for name, parameter in lm.named_parameters() if "lora_A" in name)

    assert torch.equal(first(3), first(3))
    assert not torch.equal(first(3), first(4))


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # of transformers, in PEFT
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_adapter_is_the_same_for_all_who_read_it(
    kind: str, base: str, make_adapter: Callable[..., tuple[Path, PreTrainedModel]]
) -> None:
    folder, lm = make_adapter(**KINDS[kind])
    expected = logits(lm)
    assert not torch.allclose(expected, logits(load_language_model(ModelConfig(path=base))), atol=1e-3)
    config = ModelConfig(path=str(folder))
    readers = {
        "kept apart": load_language_model(config, keep_adapter=True),
        "merged": load_language_model(config),
        "transformers": AutoModelForCausalLM.from_pretrained(folder),
        "PEFT": peft.AutoPeftModelForCausalLM.from_pretrained(folder),
    }
    for reader, model in readers.items():
        torch.testing.assert_close(logits(model.eval()), expected, atol=1e-4, rtol=1e-4, msg=reader)


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_model_is_a_plain_one_that_saves_and_loads(
    kind: str, make_adapter: Callable[..., tuple[Path, PreTrainedModel]], tmp_path: Path
) -> None:
    folder, _ = make_adapter(**KINDS[kind])
    merged = load_language_model(ModelConfig(path=str(folder)))
    assert not [name for name, _ in merged.named_parameters() if "lora" in name or "modules_to_save" in name]
    merged.save_pretrained(tmp_path / "merged")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    assert torch.equal(logits(again), logits(merged))


def test_an_adapter_of_half_precision_weights_is_kept_in_float32(base: str) -> None:
    lm = load_language_model(ModelConfig(path=base, dtype="bfloat16"))
    add_adapter(lm, lora(), seed=0)
    assert {parameter.dtype for parameter in lm.parameters() if parameter.requires_grad} == {torch.float32}
    assert logits(lm).dtype == torch.bfloat16


def test_its_tokenizer_is_that_of_the_adapter_else_of_the_base(
    base: str, make_adapter: Callable[..., tuple[Path, PreTrainedModel]]
) -> None:
    folder, _ = make_adapter()
    config = ModelConfig(path=str(folder))
    assert base_of(config).tokenizer is None
    tokenizer = load_tokenizer(config)
    tokenizer.save_pretrained(folder)
    assert base_of(config) == ModelConfig(path=base, tokenizer=str(folder))
    assert load_tokenizer(config).get_vocab() == tokenizer.get_vocab()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"target_modules": ("q_prj",)}, "did you mean 'q_proj'"),
        ({"modules_to_save": ("lm_hed",)}, "did you mean 'lm_head'"),
        ({"target_modules": ("norm",)}, "no adapter can be put there"),
    ],
)
def test_modules_that_the_model_has_not_are_named(base: str, settings: dict[str, Any], named: str) -> None:
    lm = load_language_model(ModelConfig(path=base))
    with pytest.raises(ConfigError) as caught:
        add_adapter(lm, lora(**settings), seed=0)
    assert named in f"{caught.value.what} {caught.value.fix}"


def test_an_adapter_without_peft_says_what_to_install(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_sdk.policy.adapter.find_spec", lambda _name: None)
    lm = load_language_model(ModelConfig(path=base))
    with pytest.raises(ConfigError, match="need the package peft") as caught:
        add_adapter(lm, lora(), seed=0)
    assert "pip install 'upo-sdk[peft]'" in str(caught.value.fix)


def _cut(folder: Path) -> None:
    (folder / RunAdapter.WEIGHTS).write_bytes((folder / RunAdapter.WEIGHTS).read_bytes()[:100])


def _lose_a_weight(folder: Path) -> None:
    weights = load_file(folder / RunAdapter.WEIGHTS)
    weights.pop(min(weights))
    save_file(weights, folder / RunAdapter.WEIGHTS)


def _gain_a_weight(folder: Path) -> None:
    weights = load_file(folder / RunAdapter.WEIGHTS)
    save_file({**weights, "base_model.model.other.lora_A.weight": torch.zeros(1)}, folder / RunAdapter.WEIGHTS)


def _another_rank(folder: Path) -> None:
    _change(folder, r=3)


def _change(folder: Path, **settings: Any) -> None:
    saved = json.loads((folder / RunAdapter.CONFIG).read_text())
    (folder / RunAdapter.CONFIG).write_text(json.dumps({**saved, **settings}))


@pytest.mark.parametrize("damage", [_cut, _lose_a_weight, _gain_a_weight, _another_rank])
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "merged"])
def test_a_damaged_adapter_is_refused_whole(
    damage: Callable[[Path], None],
    keep: bool,  # noqa: FBT001 - of the test
    make_adapter: Callable[..., tuple[Path, PreTrainedModel]],
) -> None:
    folder, _ = make_adapter()
    damage(folder)
    with pytest.raises(ModelError, match="does not fit"):
        load_language_model(ModelConfig(path=str(folder)), keep_adapter=keep)


def test_a_pickled_adapter_is_not_read(make_adapter: Callable[..., tuple[Path, PreTrainedModel]]) -> None:
    folder, _ = make_adapter()
    torch.save(load_file(folder / RunAdapter.WEIGHTS), folder / "adapter_model.bin")
    (folder / RunAdapter.WEIGHTS).unlink()
    with pytest.raises(ModelError):
        load_language_model(ModelConfig(path=str(folder)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_model_name_or_path": None}, "does not name the model"),
        ({"base_model_name_or_path": "/nowhere/model"}, "is not there: /nowhere/model"),
    ],
)
def test_a_base_that_is_not_there_is_named(
    settings: dict[str, Any], said: str, make_adapter: Callable[..., tuple[Path, PreTrainedModel]]
) -> None:
    folder, _ = make_adapter()
    _change(folder, **settings)
    with pytest.raises(ModelError, match=said) as caught:
        load_language_model(ModelConfig(path=str(folder)))
    assert "base_model_name_or_path" in str(caught.value.fix)


def test_a_model_with_an_adapter_beside_it_is_refused(
    base: str, make_adapter: Callable[..., tuple[Path, PreTrainedModel]]
) -> None:
    folder, _ = make_adapter()
    shutil.copy(f"{base}/config.json", folder)
    with pytest.raises(ModelError, match="a whole model and an adapter"):
        load_language_model(ModelConfig(path=str(folder)))


def test_an_adapter_that_is_trained_further_keeps_its_settings(
    make_adapter: Callable[..., tuple[Path, PreTrainedModel]],
) -> None:
    folder, lm = make_adapter(target_modules=("q_proj", "v_proj"), r=4, alpha=8)
    found = settings_of_adapter(str(folder), lora())
    assert found == lora(target_modules=("q_proj", "v_proj"), r=4, alpha=8)
    with pytest.raises(ConfigError, match="has r 4, not 8"):
        settings_of_adapter(str(folder), lora(r=8))
    _change(folder, peft_type="IA3")
    with pytest.raises(ModelError, match="another kind"):
        settings_of_adapter(str(folder), lora())
    fresh = load_language_model(ModelConfig(path=base_of(ModelConfig(path=str(folder))).path))
    _change(folder, peft_type="LORA")
    load_adapter(fresh, folder)
    assert torch.equal(logits(fresh), logits(lm))
    assert any(parameter.requires_grad for parameter in fresh.parameters())
