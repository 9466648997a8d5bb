"""When a step on a CPU gives the memory back that it has freed."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import psutil
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from upo_sdk.training import free_memory
from upo_sdk.training.free_memory import FreeMemory

IDS = torch.arange(12).reshape(2, 6)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often memory is given back, by a C library that always finds some."""
    called: list[int] = []
    monkeypatch.setattr(free_memory, "_trim", lambda: called.append)
    monkeypatch.setattr(free_memory, "GROWTH_BYTES", -1)
    return called


def model() -> Any:
    lm = LlamaForCausalLM(
        LlamaConfig(vocab_size=20, hidden_size=8, intermediate_size=8, num_hidden_layers=3, num_attention_heads=2)
    )
    lm.activation_checkpointing_enable()
    return lm.train()


def test_every_layer_of_both_passes_is_an_occasion(times: list[int]) -> None:
    lm = model()
    FreeMemory().watch_layers(lm)
    loss = lm(IDS, labels=IDS).loss
    assert len(times) == 3
    loss.backward()
    assert len(times) == 3 + 3


def test_a_pass_without_gradient_is_none(times: list[int]) -> None:
    lm = model()
    FreeMemory().watch_layers(lm)
    with torch.no_grad():
        lm(IDS)
    assert not times


def test_a_process_that_has_not_grown_is_left_alone(times: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "GROWTH_BYTES", 2**40)
    lm = model()
    memory = FreeMemory()
    memory.watch_layers(lm)
    lm(IDS, labels=IDS).loss.backward()
    assert not times
    memory.give_back()
    assert len(times) == 1


def test_without_glibc_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "_trim", lambda: None)
    lm, memory = model(), FreeMemory()
    hooks = [len(module._forward_hooks) for module in lm.modules()]
    memory.watch_layers(lm)
    assert [len(module._forward_hooks) for module in lm.modules()] == hooks
    memory.give_back()


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc"
)
def test_holes_between_small_blocks_are_given_back() -> None:
    blocks = [torch.ones(2**14) for _ in range(2000)]  # 64 KB each: 131 MB on the heap
    kept = blocks[::100]
    del blocks
    before = psutil.Process().memory_info().rss
    FreeMemory().give_back()
    assert len(kept) == 20
    assert before - psutil.Process().memory_info().rss > 60e6
