"""Adapters are computed in place with the values and gradients of PEFT, and left to it where they do more."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from upo_sdk.policy.cpu_kernels.gated_mlp import GatedMLPKernel
from upo_sdk.policy.cpu_kernels.projection import AdaptedLinearKernel, Projection

peft = pytest.importorskip("peft")


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(8, 12, bias=False), nn.Linear(8, 12, bias=False)
        self.down_proj, self.act_fn = nn.Linear(12, 8, bias=False), nn.SiLU()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.down_proj(self.act_fn(self.gate_proj(hidden)) * self.up_proj(hidden))
        return result


def adapted(module: nn.Module, **settings: Any) -> nn.Module:
    settings = {"r": 3, "target_modules": ["layer", "gate_proj", "up_proj", "down_proj"], **settings}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: nn.Module = peft.inject_adapter_in_model(peft.LoraConfig(**settings), nn.ModuleDict({"layer": module}))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(parameter)
    found: nn.Module = model["layer"]
    return found


def gradients(module: nn.Module, forward: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
    module.zero_grad()
    given = hidden.clone().requires_grad_()
    result: torch.Tensor = forward(given)
    (result * torch.linspace(-1, 1, result.numel()).view_as(result)).sum().backward()
    return result.detach(), [given.grad, *(parameter.grad for parameter in module.parameters())]


@pytest.mark.parametrize("kind", ["with a bias", "without", "gated", "gated, one projection", "gated, trained whole"])
def test_value_and_every_gradient_are_those_of_peft(kind: str) -> None:
    hidden = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    if kind.startswith("gated"):
        names = ["up_proj"] if "one" in kind else ["gate_proj", "up_proj", "down_proj"]
        module = MLP() if "whole" in kind else adapted(MLP(), target_modules=names)
        kernel: Any = GatedMLPKernel(module)
    else:
        module = adapted(nn.Linear(8, 6, bias=kind == "with a bias"))
        kernel = AdaptedLinearKernel(module)
    assert kernel.fits(hidden)
    own, of_own = gradients(module, module, hidden)
    ours, of_ours = gradients(module, kernel, hidden)
    torch.testing.assert_close(ours, own, atol=1e-4, rtol=1e-4)
    assert [grad is None for grad in of_ours] == [grad is None for grad in of_own]
    for ours_grad, own_grad in zip(of_ours, of_own, strict=True):
        torch.testing.assert_close(ours_grad, own_grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "does_more", ["dropout", "DoRA", "merged", "disabled", "two adapters", "a hook", "half precision"]
)
def test_what_does_more_is_left_to_peft(does_more: str) -> None:
    settings = {"dropout": {"lora_dropout": 0.5}, "DoRA": {"use_dora": True}}.get(does_more, {})
    module: Any = adapted(nn.Linear(8, 6), **settings)
    kernel = AdaptedLinearKernel(module)
    match does_more:
        case "merged":
            module.merge()
        case "disabled":
            module.enable_adapters(enabled=False)
        case "two adapters":
            module.update_layer("other", 3, lora_alpha=8, config=peft.LoraConfig(r=3))
            module.set_adapter(["default", "other"])
        case "a hook":
            module.lora_A["default"].register_forward_hook(lambda *_: None)
        case "half precision":
            module.lora_A["default"].bfloat16()
        case _:
            pass
    assert not kernel.fits(torch.randn(2, 8))


def test_other_modules_are_no_projections() -> None:
    assert Projection.of(nn.LayerNorm(4)) is None
    with pytest.raises(AttributeError):
        AdaptedLinearKernel(nn.Linear(2, 2))
