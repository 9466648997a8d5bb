"""A training step never waits for the device: the host reads none of its values, and no shape depends on one."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig, ModelConfig
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.policy import PaddedLayout, Policy, TokenizedRow, load_language_model
from upo_sdk.policy.layouts.blocks import BlockLayout
from upo_sdk.training.metrics import MetricBuffer
from upo_sdk.training.rows import Collator, PreparedRow
from upo_sdk.training.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

WAITING_OPERATIONS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal"}
WAITING_METHODS = {torch.Tensor.tolist, torch.Tensor.cpu, torch.Tensor.numpy}  # on a CPU they need no operation


@contextmanager
def count_waits() -> Generator[Counter[str]]:
    """Count what would make the host wait for an accelerator."""
    found: Counter[str] = Counter()
    with _Methods(found), _Operations(found):
        yield found


class _Methods(TorchFunctionMode):
    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in WAITING_METHODS:
            self._found[func.__name__] += 1
        return func(*args, **(kwargs or {}))


class _Operations(TorchDispatchMode):
    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in WAITING_OPERATIONS or (name in {"index", "index_put", "index_put_"} and _has_mask(args[1])):
            self._found[name] += 1
        return func(*args, **(kwargs or {}))


def _has_mask(indices: Any) -> bool:
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices)


def rows() -> list[PreparedRow]:
    generator = np.random.default_rng(0)

    def ids(count: int) -> list[int]:
        return [int(token) for token in generator.integers(2, 250, count)]

    found = list[PreparedRow]()
    for prompt, chosen, rejected in ((4, 5, 3), (6, 2, 7)):
        branches = TokenizedRow(ids(prompt), [ids(chosen), ids(rejected), ids(4)])
        found.append(
            PreparedRow(
                branches=branches,
                desirable=[True, False],
                rewards=generator.random((2, 2)),
                baseline=None,
                reference_logps=[np.full(len(ids), -2.0, dtype=np.float32) for ids in branches.response_ids],
                mismatched=True,
            )
        )
    return found


@pytest.fixture
def policy(model_folder: Callable[[str], Path]) -> Policy:
    return Policy(load_language_model(ModelConfig(path=str(model_folder("llama")))), PaddedLayout())


def step_of(policy: Policy) -> Step:
    preference = [
        PreferenceTerm("dpo", 1.0, DPO(DPOOptions())),
        PreferenceTerm("kto", 1.0, KTO(KTOOptions())),
    ]
    auxiliary = [AuxiliaryTerm("toxicity", 0.3), AuxiliaryTerm("length", 0.1)]
    config = LossConfig(gate_steps=0, advantage_cap=3.0)
    return Step(unified=UnifiedLoss(preference, auxiliary, config, policy.hidden_size), beta=0.1)


def test_the_counter_sees_what_waits() -> None:
    values = torch.arange(4.0)
    with count_waits() as found:
        values.sum().item()
        values[values > 1].tolist()
        values.masked_select(values > 1)
        if values.any():
            values.numpy()
    assert found == {"_local_scalar_dense": 2, "index": 1, "tolist": 1, "masked_select": 1, "numpy": 1}


@pytest.mark.parametrize("gradients", [False, True])
def test_from_the_policys_output_to_the_gradient_nothing_waits(policy: Policy, *, gradients: bool) -> None:
    inputs, step, buffer = Collator(policy.layout)(rows()), step_of(policy), MetricBuffer()
    output = policy(**inputs["policy"])
    with count_waits() as found:
        result = step(output, inputs["loss"], step=0, gradients=gradients)
        buffer.add(result)
        result.loss.backward()
    assert not found
    with count_waits() as found:
        buffer.flush()
    assert found["tolist"] == 1 + gradients  # the interval's metrics in one transfer; then the gradients', on the host


@pytest.mark.parametrize("packed", [False, True])
def test_a_whole_step_in_a_layout_of_blocks_waits_for_nothing(policy: Policy, *, packed: bool) -> None:
    policy.layout = BlockLayout("blocks", shared=True, packed=packed)
    inputs, step = Collator(policy.layout)(rows()), step_of(policy)
    with count_waits() as found:
        step(policy(**inputs["policy"]), inputs["loss"], step=0).loss.backward()
    assert not found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_on_a_gpu_nothing_waits_either(policy: Policy) -> None:
    policy = policy.cuda()
    inputs: Any = Collator(policy.layout)(rows())
    moved = {part: {name: tensor.cuda() for name, tensor in inputs[part].items()} for part in ("policy", "loss")}
    step, buffer = step_of(policy), MetricBuffer()
    step.unified.cuda()
    step(policy(**moved["policy"]), moved["loss"], step=0).loss.backward()  # the first one allocates and compiles
    output = policy(**moved["policy"])
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = step(output, moved["loss"], step=0, gradients=True)
        buffer.add(result)
        result.loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
