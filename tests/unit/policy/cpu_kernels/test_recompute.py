"""What is computed again in the backward pass changes neither values nor gradients, and is not kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from upo_sdk.policy import PaddedLayout, Policy, TokenizedRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from upo_sdk.policy import PolicyOutput

HIDDEN, INNER = 32, 96
ROWS = [
    TokenizedRow(list(range(2, 14)), [[5, 6, 7, 1], [8, 9, 1]]),
    TokenizedRow(list(range(20, 27)), [[3, 1], [4, 5, 6, 1]]),
]
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "gated": ("llama", {}),
    "norms of queries and keys": ("qwen3", {"head_dim": 8}),
    "layer norm": ("gpt_neox", {}),
    "norms behind": ("olmo2", {}),
    "written out activation": ("gpt2", {"n_embd": HIDDEN, "n_layer": 2, "n_head": 4, "n_positions": 64}),
}


def model(name: str) -> PreTrainedModel:
    family, own = FAMILIES[name]
    sizes = {"vocab_size": 50, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 2}
    ids = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **{**sizes, **heads, **ids, **own}))


def gradients(policy: Policy, *, training: bool, autocast: bool = False) -> dict[str, torch.Tensor]:
    policy.zero_grad()
    policy.train(training)
    policy.lm.eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        logps = policy(**policy.layout.collate(ROWS)).logps_NT
    (logps * torch.linspace(-1, 2, logps.numel()).view_as(logps)).sum().backward()
    return {name: weight.grad.clone() for name, weight in policy.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_the_same_to_the_bit(name: str, autocast: bool) -> None:  # noqa: FBT001 - a parameter of the test
    policy = Policy(model(name), PaddedLayout())
    plain = gradients(policy, training=False, autocast=autocast)
    found = gradients(policy, training=True, autocast=autocast)
    assert found.keys() == plain.keys()
    for key, expected in plain.items():
        assert torch.equal(found[key], expected), key


def test_a_graph_can_be_walked_twice() -> None:
    policy = Policy(model("gated"), PaddedLayout()).train()
    loss = policy(**policy.layout.collate(ROWS)).logps_NT.sum()
    weight = policy.lm.model.layers[0].mlp.down_proj.weight
    first, second = (torch.autograd.grad(loss, weight, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def live_after_forward(forward: Callable[[dict[str, torch.Tensor]], PolicyOutput]) -> int:
    """Return how many bytes of tensors a forward pass leaves for its backward pass, by the profiler."""
    batch = PaddedLayout().collate(ROWS)
    forward(batch)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        output = forward(batch)
    assert output.logps_NT.requires_grad
    return sum(event.self_cpu_memory_usage for event in profile.key_averages())


def test_less_is_kept() -> None:
    lm = model("gated").train()
    plain = live_after_forward(partial(PaddedLayout().forward, lm))
    policy = Policy(lm, PaddedLayout()).train()
    positions = 4 * max(len(row.prompt_ids) + len(response) for row in ROWS for response in row.response_ids)
    per_layer = positions * 4 * (2 * INNER + 2 * HIDDEN)  # activation, product, results of both norms
    assert plain - live_after_forward(lambda batch: policy(**batch)) > 0.9 * 2 * per_layer


def test_a_changed_input_is_an_error_and_no_wrong_gradient() -> None:
    policy = Policy(model("gated"), PaddedLayout()).train()
    found = list[torch.Tensor]()

    def note(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
        found.append(output)

    policy.lm.model.layers[0].mlp.gate_proj.register_forward_hook(note)
    loss = policy(**policy.layout.collate(ROWS)).logps_NT.sum()
    with torch.no_grad():
        found[0].mul_(2)
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()
