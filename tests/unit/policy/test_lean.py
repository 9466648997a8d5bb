"""Fewer passes over memory change neither what a model computes nor its gradients, and are not taken on trust."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from upo_sdk.policy import PaddedLayout, Policy
from upo_sdk.policy.lean import make_lean

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17, 18]])
LAYERS = 2
SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 96,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 1,
}
FAMILIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "llama": ({}, {"LlamaRMSNorm", "LlamaMLP"}),
    "qwen3": ({"head_dim": 8}, {"Qwen3RMSNorm", "Qwen3MLP"}),
    "olmo2": ({}, {"Olmo2RMSNorm", "Olmo2MLP"}),
    "gemma2": ({"head_dim": 8}, {"Gemma2MLP"}),  # its norms multiply by 1 + weight
    "cohere": ({}, {"CohereMLP"}),  # its rotary embedding takes pairs of neighbours
    "stablelm": ({"partial_rotary_factor": 0.5}, {"StableLmMLP"}),
    "gpt_neox": ({}, set()),  # rotates a part of each head inside the rotary function
    "gpt2": ({"n_embd": 32, "n_layer": LAYERS, "n_head": 4, "n_positions": 64}, set()),
}


def model(family: str, **own: Any) -> PreTrainedModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        lm = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **{**SIZES, **FAMILIES[family][0], **own}))
        with torch.no_grad():
            for weight in lm.parameters():
                if weight.dim() == 1:
                    weight.uniform_(0.5, 1.5)  # norms whose weight is one would hide what is done with it
    return lm.eval()  # without dropout


def gradients(lm: PreTrainedModel) -> dict[str, torch.Tensor]:
    lm.zero_grad()
    output: Any = lm(input_ids=IDS, labels=IDS, use_cache=False)
    output.loss.backward()
    return {"loss": output.loss.detach()} | {n: w.grad for n, w in lm.named_parameters() if w.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_the_model(family: str) -> None:
    lm = model(family)
    plain = gradients(lm)
    assert {type(module).__name__ for module in make_lean(lm)} == FAMILIES[family][1]
    found = gradients(lm)
    assert found.keys() == plain.keys()
    for name, expected in plain.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-6, msg=partial("{}: {}".format, name))


@pytest.mark.parametrize(("family", "by_halves"), [("llama", True), ("cohere", False), ("gpt2", False)])
def test_only_rotation_by_halves_is_replaced(family: str, by_halves: bool) -> None:  # noqa: FBT001 - of the test
    lm = model(family)
    make_lean(lm)
    attention = [module for module in lm.modules() if type(module).__name__.endswith("Attention")]
    assert len(attention) == LAYERS
    assert ["forward" in vars(module) for module in attention] == [by_halves] * LAYERS


def kept_bytes(lm: PreTrainedModel) -> int:
    """Return the size of all that the graph of a forward pass keeps."""
    kept = dict[int, int]()

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = lm(input_ids=IDS, labels=IDS, use_cache=False).loss
    assert loss.requires_grad
    return sum(kept.values())


def test_less_is_kept_for_the_backward_pass() -> None:
    lm = model("llama")
    plain = kept_bytes(lm)
    make_lean(lm)
    inner = IDS.numel() * SIZES["intermediate_size"] * 4
    assert plain - kept_bytes(lm) > LAYERS * 2 * inner  # activation and product, of every layer


def test_frozen_weights_get_no_gradient() -> None:
    lm = model("llama")
    for module in make_lean(lm):
        module.requires_grad_(requires_grad=False)
    found = gradients(lm)
    assert "model.embed_tokens.weight" in found
    assert not any("mlp" in name or "norm" in name for name in found)


def test_a_hook_on_a_projection_is_called() -> None:
    lm = model("llama")
    make_lean(lm)
    called = list[torch.Tensor]()
    projection: nn.Module = lm.model.layers[0].mlp.gate_proj
    projection.register_forward_hook(lambda _module, _inputs, output: called.append(output))
    gradients(lm)
    assert len(called) == 1


def test_a_projection_with_a_bias_keeps_its_module() -> None:
    assert {type(m).__name__ for m in make_lean(model("llama", mlp_bias=True))} == {"LlamaRMSNorm"}


@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_half_precision_takes_the_model_s_own_way(how: str) -> None:
    lm = model("llama")
    if how == "weights":
        lm = lm.to(torch.bfloat16)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        plain = gradients(lm)
        make_lean(lm)
        found = gradients(lm)
    assert all(torch.equal(found[name], expected) for name, expected in plain.items())


def test_a_module_that_a_library_wrapped_is_left_to_it() -> None:
    lm = model("llama")
    add_hook_to_module(lm.model.layers[0].mlp, ModelHook())
    lean = make_lean(lm)
    assert lm.model.layers[0].mlp not in lean
    assert lm.model.layers[1].mlp in lean


def test_another_model_of_the_family_is_left_alone() -> None:
    lm, other = model("llama"), model("llama")
    make_lean(lm)
    assert not any("forward" in vars(module) for module in other.modules())


def test_making_it_lean_twice_changes_nothing() -> None:
    lm = model("llama")
    found = make_lean(lm)
    once = gradients(lm)
    assert make_lean(lm) == found
    assert all(torch.equal(found, once[name]) for name, found in gradients(lm).items())


def test_an_activation_that_returns_its_input_is_none_to_write_into() -> None:
    lm = model("llama", hidden_act="linear")
    plain = gradients(lm)
    assert lm.model.layers[0].mlp in make_lean(lm)
    for name, found in gradients(lm).items():
        torch.testing.assert_close(found, plain[name], rtol=1e-4, atol=1e-6)


class Misleading(nn.Module):
    """Has the parts of a gated layer, and adds where one multiplies."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = (nn.Linear(32, 32, bias=False) for _ in range(3))
        self.act_fn = nn.SiLU()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return something else."""
        return self.down_proj(self.act_fn(self.gate_proj(hidden)) + self.up_proj(hidden))


def test_what_only_looks_like_it_is_left_alone() -> None:
    lm = model("llama")
    lm.model.layers[0].mlp = Misleading()
    assert lm.model.layers[0].mlp not in make_lean(lm)
    assert lm.model.layers[1].mlp in make_lean(lm)


def test_a_model_that_takes_the_place_of_the_first_is_made_lean_too() -> None:
    policy = Policy(model("llama"), PaddedLayout())
    resumed = model("llama")
    policy.use(resumed)
    assert policy.lm is resumed
    assert "forward" in vars(resumed.model.layers[0].mlp)
