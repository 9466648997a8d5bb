"""Fewer passes over memory change neither what a model computes nor its gradients, and are not taken on trust."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.margins.families import FAMILIES as EVERY_FAMILY
from benchmarks.margins.families import make_model
from upo_sdk.policy import PaddedLayout, Policy, TokenizedRow, choose_layout
from upo_sdk.policy.cpu_kernels.replace import Replacements
from upo_sdk.policy.layouts.blocks import BlockLayout

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11], [12, 13, 14, 15, 16, 17, 18]])
LAYERS = 2
ROWS = [
    TokenizedRow(list(range(2, 14)), [[5, 6, 7, 1], [8, 9, 1]]),
    TokenizedRow(list(range(20, 27)), [[3, 1], [4, 5, 6, 1]]),
]
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


def replace(lm: PreTrainedModel) -> Replacements:
    return Replacements(lm.base_model)


def gradients(lm: PreTrainedModel) -> dict[str, torch.Tensor]:
    lm.zero_grad()
    output: Any = lm(input_ids=IDS, labels=IDS, use_cache=False)
    output.loss.backward()
    return {"loss": output.loss.detach()} | {n: w.grad for n, w in lm.named_parameters() if w.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_the_model(family: str) -> None:
    lm = model(family)
    plain = gradients(lm)
    assert {type(module).__name__ for module in replace(lm).modules} == FAMILIES[family][1]
    found = gradients(lm)
    assert found.keys() == plain.keys()
    for name, expected in plain.items():
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-6, msg=partial("{}: {}".format, name))


@pytest.mark.parametrize(("family", "by_halves"), [("llama", True), ("cohere", False), ("gpt2", False)])
def test_only_rotation_by_halves_is_replaced(family: str, by_halves: bool) -> None:  # noqa: FBT001 - of the test
    lm = model(family)
    replace(lm)
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
    replace(lm)
    inner = IDS.numel() * SIZES["intermediate_size"] * 4
    assert plain - kept_bytes(lm) > LAYERS * 2 * inner  # activation and product, of every layer


def test_frozen_weights_get_no_gradient() -> None:
    lm = model("llama")
    for module in replace(lm).modules:
        module.requires_grad_(requires_grad=False)
    found = gradients(lm)
    assert "model.embed_tokens.weight" in found
    assert not any("mlp" in name or "norm" in name for name in found)


def test_a_hook_on_a_projection_is_called() -> None:
    lm = model("llama")
    replace(lm)
    called = list[torch.Tensor]()
    projection: nn.Module = lm.model.layers[0].mlp.gate_proj
    projection.register_forward_hook(lambda _module, _inputs, output: called.append(output))
    gradients(lm)
    assert len(called) == 1


def test_a_projection_with_a_bias_keeps_its_module() -> None:
    assert {type(m).__name__ for m in replace(model("llama", mlp_bias=True)).modules} == {"LlamaRMSNorm"}


@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_half_precision_takes_the_model_s_own_way(how: str) -> None:
    lm = model("llama")
    if how == "weights":
        lm = lm.to(torch.bfloat16)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        plain = gradients(lm)
        replace(lm)
        found = gradients(lm)
    assert all(torch.equal(found[name], expected) for name, expected in plain.items())


def test_a_module_that_a_library_wrapped_is_left_to_it() -> None:
    lm = model("llama")
    add_hook_to_module(lm.model.layers[0].mlp, ModelHook())
    replaced = replace(lm).modules
    assert lm.model.layers[0].mlp not in replaced
    assert lm.model.layers[1].mlp in replaced


def test_another_model_of_the_family_is_left_alone() -> None:
    lm, other = model("llama"), model("llama")
    replace(lm)
    assert not any("forward" in vars(module) for module in other.modules())


def test_replacing_twice_changes_nothing() -> None:
    lm = model("llama")
    found = replace(lm).modules
    once = gradients(lm)
    assert replace(lm).modules == found
    assert all(torch.equal(found, once[name]) for name, found in gradients(lm).items())


def test_an_activation_that_returns_its_input_is_none_to_write_into() -> None:
    lm = model("llama", hidden_act="linear")
    plain = gradients(lm)
    assert lm.model.layers[0].mlp in replace(lm).modules
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
    assert lm.model.layers[0].mlp not in replace(lm).modules
    assert lm.model.layers[1].mlp in replace(lm).modules


def test_a_model_that_takes_the_place_of_the_first_gets_kernels_too() -> None:
    policy = Policy(model("llama"), PaddedLayout())
    resumed = model("llama")
    first = policy.lm
    policy.use(resumed)
    assert policy.lm is resumed
    assert "forward" in vars(resumed.model.layers[0].mlp)
    assert not any("forward" in vars(module) or module._forward_hooks for module in first.modules())


@pytest.mark.parametrize("part", ["model.norm.weight", "model.layers.0.mlp.up_proj.weight"])
def test_a_weight_that_a_wrapper_swaps_is_the_one_that_is_read_and_trained(part: str) -> None:
    lm, plain = model("llama"), model("llama")
    replace(lm)
    gradients(lm)
    for own in (lm, plain):
        where, _, name = part.rpartition(".")
        module = own.get_submodule(where)
        setattr(module, name, nn.Parameter(2 * getattr(module, name).detach()))
    found, expected = gradients(lm), gradients(plain)
    assert found[part].abs().sum() > 0
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6, msg=partial("{}: {}".format, name))


def test_a_projection_that_is_replaced_by_an_adapter_is_called() -> None:
    lm = model("llama")
    replace(lm)
    plain = gradients(lm)["loss"]
    mlp = lm.model.layers[0].mlp
    mlp.up_proj = nn.Sequential(mlp.up_proj, nn.ReLU())
    assert gradients(lm)["loss"] != plain


def test_removing_the_kernels_leaves_no_trace() -> None:
    lm, other = model("llama"), model("llama")
    policy = choose_layout(lm, ROWS, "prefix-packed").policy(lm).train()
    policy(**policy.layout.collate(ROWS)).logps_NT.sum().backward()
    assert any("forward" in vars(module) for module in lm.modules())
    policy.kernels.remove()
    other(input_ids=IDS, output_hidden_states=True)  # transformers leaves a trace of its own
    for mine, theirs in zip(lm.modules(), other.modules(), strict=True):
        assert vars(mine).keys() == vars(theirs).keys()
        assert len(mine._forward_hooks) == len(theirs._forward_hooks)
        assert len(mine._forward_pre_hooks) == len(theirs._forward_pre_hooks)
    assert lm.config._attn_implementation == other.config._attn_implementation


def test_what_is_saved_is_what_the_base_would_save(tmp_path: Path) -> None:
    lm, other = model("llama"), model("llama")
    policy = choose_layout(lm, ROWS).policy(lm).train()
    policy(**policy.layout.collate(ROWS))
    policy.lm.save_pretrained(tmp_path / "with")
    other.save_pretrained(tmp_path / "without")
    for file in ("config.json", "generation_config.json", "model.safetensors"):
        assert (tmp_path / "with" / file).read_bytes() == (tmp_path / "without" / file).read_bytes()


def test_switched_off_the_model_s_own_modules_compute() -> None:
    lm = model("llama")
    chosen = choose_layout(lm, ROWS, cpu_kernels=False)
    policy = chosen.policy(lm).train()
    assert isinstance(chosen.layout, BlockLayout)
    assert lm.config._attn_implementation == "sdpa"
    assert not any("forward" in vars(module) for module in lm.modules())
    assert policy(**policy.layout.collate(ROWS)).logps_NT.requires_grad


def test_a_norm_with_a_gate_keeps_its_forward_and_the_log_says_so() -> None:
    lm = make_model("mamba2")
    chosen = choose_layout(lm, ROWS)
    assert "own forward kept by MambaRMSNormGated (takes gate, too)" in chosen.reason
    assert not any("forward" in vars(m) for m in lm.modules() if type(m).__name__ == "MambaRMSNormGated")


class GatedNorm(nn.Module):
    """A norm whose result depends on its gate, too."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(32)), 1e-6

    def forward(self, hidden: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        """Return the normed input, times its gate."""
        normed = self.weight * hidden * (hidden.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return normed if gate is None else normed * gate.sigmoid()


class CountingNorm(GatedNorm):
    """A norm whose result depends on how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, hidden: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        """Return another result every time."""
        self.calls += 1
        return super().forward(hidden, gate) * self.calls


class Outer(nn.Module):
    """Calls a norm with or without a gate, and keeps its result for the backward pass."""

    def __init__(self, norm: nn.Module, *, gated: bool) -> None:
        super().__init__()
        self.norm, self.gated = norm, gated
        self.after = nn.Linear(32, 32)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the norm's result, projected."""
        return self.after(self.norm(hidden, **({"gate": hidden} if self.gated else {})))


@pytest.mark.parametrize(("kind", "gated"), [(GatedNorm, True), (GatedNorm, False), (CountingNorm, False)])
def test_what_reads_more_than_its_input_is_not_computed_again(kind: type[nn.Module], gated: bool) -> None:  # noqa: FBT001 - of the test
    found = list[dict[str, torch.Tensor]]()
    for enabled in (False, True):
        lm = model("llama")
        torch.manual_seed(0)
        lm.model.norm = Outer(kind(), gated=gated)
        policy = Policy(lm, PaddedLayout(), cpu_kernels=enabled).train()
        policy(**policy.layout.collate(ROWS)).logps_NT.sum().backward()
        found.append({name: weight.grad for name, weight in lm.named_parameters() if weight.grad is not None})
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, rtol=1e-3, atol=1e-5, msg=partial("{}: {}".format, name))


SIGNATURE = ("hidden", "gate", "mask=None", "*more", "*, scale=1.0", "**named")


def _odd_norm(signature: str, result: str, *, has_buffer: bool) -> nn.Module:
    """Return what looks like a norm, and takes and returns something of its own."""
    names: dict[str, Any] = {"torch": torch, "nn": nn}
    source = f"""
class OddNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(32)), 1e-6
    def forward(self{signature}):
        return {result}
"""
    exec(source, names)
    made: nn.Module = names["OddNorm"]()
    if has_buffer:
        made.register_buffer("seen", torch.zeros(()))
    return made


@settings(max_examples=60)
@given(
    parameters=st.lists(
        st.sampled_from(["hidden", "gate", "mask=None", "*more", "*, scale=1.0", "**named"]), unique=True
    ),
    result=st.sampled_from(
        ["hidden", "(hidden, None)", "None", "3.0", "hidden[..., :3]", "hidden.int()", "1 / 0", "self.missing", "[]"]
    ),
    has_buffer=st.booleans(),
)
def test_a_module_of_any_signature_is_left_alone_without_an_error(
    parameters: list[str],
    result: str,
    has_buffer: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    kept = [name for name in SIGNATURE if name in parameters and not (name.startswith("*, ") and "*more" in parameters)]
    odd = _odd_norm("".join(f", {name}" for name in kept), result, has_buffer=has_buffer)
    found = Replacements(nn.Sequential(odd))
    assert not found.modules
    assert "forward" not in vars(odd)


@pytest.mark.filterwarnings("ignore")  # of architectures whose fast kernels are not installed
@pytest.mark.parametrize("name", EVERY_FAMILY)
def test_kernels_change_no_gradient_of_any_family(name: str) -> None:
    lm = make_model(name, vocab_size=64, max_position_embeddings=64)
    found = list[dict[str, torch.Tensor]]()
    for enabled in (False, True):
        lm.zero_grad()
        policy = Policy(lm, PaddedLayout(), cpu_kernels=enabled).train()
        policy(**policy.layout.collate(ROWS)).logps_NT.sum().backward()
        policy.kernels.remove()
        found.append({key: weight.grad.clone() for key, weight in lm.named_parameters() if weight.grad is not None})
    plain, with_kernels = found
    assert with_kernels.keys() == plain.keys()
    floor = 1e-5 * max(float(value.abs().max()) for value in plain.values())
    for key, value in plain.items():
        torch.testing.assert_close(with_kernels[key], value, rtol=1e-3, atol=floor, msg=partial("{}: {}".format, key))
