"""The estimate of memory: its terms are what the graph of a real model keeps, and follow the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from upo_sdk.config import RunConfig, build_config
from upo_sdk.plan.activations import LayerShape, Numbers, layer_bytes
from upo_sdk.plan.batch_shape import BatchShape, RowLengths, batch_shape, largest_batch, reference_batch
from upo_sdk.plan.fit import too_large
from upo_sdk.plan.memory import MemoryEstimate, estimate_memory
from upo_sdk.policy.cpu_kernels.recompute import Recomputed
from upo_sdk.policy.layouts import TokenizedRow
from upo_sdk.policy.layouts.segments import SegmentLayout
from upo_sdk.policy.layouts.separate import SeparateLayout
from upo_sdk.policy.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.policy.layouts import Layout

ROWS = [RowLengths(200 + 10 * n, [50, 60 + n]) for n in range(20)]


def llama(layers: int = 2, dtype: torch.dtype = torch.float32, device: str = "meta") -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=500,
        hidden_size=32,
        intermediate_size=88,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    with torch.device(device):
        lm: Any = LlamaForCausalLM(config)
    made: LlamaForCausalLM = lm.to(dtype).eval()
    return made


def estimate(
    config: RunConfig, rows: Sequence[RowLengths] = ROWS, *, ranks: int = 1, layers: int = 2
) -> MemoryEstimate:
    model = llama(layers)
    return estimate_memory(config, rows, model_config=model.config, skeleton=model, batches=5, ranks=ranks)


def configured(**training: Any) -> RunConfig:
    return build_config({"model": "m", "data": {"path": "d", "max_length": 512}, "training": training})


def kept_by_the_graph(lm: LlamaForCausalLM, layout: Layout, monkeypatch: pytest.MonkeyPatch, *, autocast: bool) -> int:
    """Return the bytes of all tensors, each storage once, that the graph of a forward pass keeps; weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in lm.parameters()}
    found = dict[int, Tensor]()

    def note(item: Any) -> None:
        if isinstance(item, Tensor):
            found[item.untyped_storage().data_ptr()] = item
        elif hasattr(item, "recipe"):
            note(item.recipe)
        else:
            for tensor in getattr(item, "inputs", ()) or [item()]:
                note(tensor)

    pack = Recomputed._pack  # pyright: ignore[reportPrivateUsage]

    def noting(self: Recomputed, tensor: Tensor) -> Any:
        packed = pack(self, tensor)
        note(packed)
        return packed

    monkeypatch.setattr(Recomputed, "_pack", noting)
    policy = Policy(lm, layout).train()
    inputs = layout.collate([TokenizedRow(range(10, 50), [range(60, 80), range(60, 80)])])
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        policy(**inputs)
    policy.kernels.remove()
    casts = {weight.shape for weight in lm.parameters()} | {weight.t().shape for weight in lm.parameters()}
    own = {key: tensor for key, tensor in found.items() if key not in weights}
    return sum(t.untyped_storage().nbytes() for t in own.values() if not (autocast and t.shape in casts))


@pytest.mark.parametrize("layout", [SegmentLayout("prefix-packed", shared=True), SeparateLayout()])
@pytest.mark.parametrize(
    ("dtype", "autocast"), [(torch.float32, False), (torch.float32, True), (torch.bfloat16, False)]
)
def test_a_layer_keeps_what_is_estimated_for_it(
    layout: Layout, dtype: torch.dtype, *, autocast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The difference of three and two layers, so that embedding, head and the short last layer cancel."""
    small, large = (llama(layers, dtype, "cpu") for layers in (2, 3))
    kept = kept_by_the_graph(large, layout, monkeypatch, autocast=autocast)
    kept -= kept_by_the_graph(small, layout, monkeypatch, autocast=autocast)
    positions = 40 + 2 * 19 if layout.name == "prefix-packed" else 2 * (40 + 19)
    numbers = Numbers.of(dtype.itemsize, autocast=autocast, kernels=True, on_cpu=True)
    assert kept == positions * sum(layer_bytes(LayerShape.of(small.config, small), numbers))


def test_the_optimizer_decides_what_it_keeps() -> None:
    trained = sum(parameter.nbytes for parameter in llama().parameters())
    adam, sgd, lion = (estimate(configured(optim=name)) for name in ("adamw_torch_fused", "sgd", "lion_32bit"))
    assert (adam.optimizer, lion.optimizer, sgd.optimizer) == (2 * trained, trained, 0)


def test_frozen_weights_have_neither_gradients_nor_state() -> None:
    lm = llama().requires_grad_(requires_grad=False)
    lm.model.norm.weight.requires_grad_()
    found = estimate_memory(configured(), ROWS, model_config=lm.config, skeleton=lm, batches=5, ranks=1)
    assert found.optimizer == 2 * 4 * 32
    assert found.gradients == 0  # at the begin of a backward pass, that of the head


def test_frozen_matrices_of_the_layers_are_smaller_in_four_bits() -> None:
    lm = llama().requires_grad_(requires_grad=False)
    four = build_config({"model": {"path": "m", "load_in_4bit": True}, "data": "d", "lora": {"use_peft": True}})
    plain, small = (
        estimate_memory(config, ROWS, model_config=lm.config, skeleton=lm, batches=5, ranks=1).weights
        for config in (configured(), four)
    )
    matrices = sum(weight.numel() for name, weight in lm.named_parameters() if "layers" in name and weight.dim() > 1)
    assert plain - small == pytest.approx(matrices * (32 - 4.13) / 8, abs=99)


def test_checkpointing_and_cpu_kernels_keep_less_of_a_deep_model() -> None:
    changes: list[dict[str, Any]] = [{"gradient_checkpointing": True}, {}, {"cpu_kernels": "off"}]
    lean, plain, own = (estimate(configured(**change), layers=12).activations for change in changes)
    assert 3 * lean < plain < own


def test_accumulated_gradients_are_there_while_the_next_batch_is_computed() -> None:
    once, often = (estimate(configured(gradient_accumulation_steps=steps)) for steps in (1, 2))
    assert often.gradients == sum(parameter.nbytes for parameter in llama().parameters()) > once.gradients


def test_engines_divide_what_they_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"):
        monkeypatch.delenv(name, raising=False)
    alone, ddp = (estimate(configured(), ranks=ranks) for ranks in (1, 4))
    assert ddp.optimizer == alone.optimizer
    assert ddp.gradients > alone.gradients  # in buckets
    zero = {stage: estimate(_zero(stage), ranks=4) for stage in (2, 3)}
    assert {found.optimizer for found in zero.values()} == {alone.optimizer // 4}
    assert zero[2].weights == alone.weights > zero[3].weights


def _zero(stage: int) -> RunConfig:
    return configured(arguments={"deepspeed": {"zero_optimization": {"stage": stage}}})


def test_shared_prompts_are_counted_once_and_padding_where_a_layout_has_it() -> None:
    rows = [RowLengths(10, [3, 5]), RowLengths(20, [2, 2])]
    assert batch_shape(rows, "prefix-packed", segments=True) == BatchShape(positions=38, read=14, predicted=12)
    assert batch_shape(rows, "packed", segments=True).positions == 12 + 14 + 21 + 21
    separate = batch_shape(rows, "separate", segments=True)
    assert (separate.positions, separate.mask) == (4 * 21, 4 * 21 * 21)
    assert batch_shape(rows, "padded", segments=True).logits == 4 * (21 - 10 + 1)
    assert batch_shape(rows, "prefix-packed", segments=False).positions == 2 * 22


def test_batches_are_those_of_the_settings() -> None:
    grouped = configured(train_sampling_strategy="group_by_length", per_device_train_batch_size=2)
    assert largest_batch(ROWS, grouped, "prefix-packed", 5) == [ROWS[19], ROWS[18]]
    budget = configured(tokens_per_batch=1000)
    assert sum(row.shared for row in largest_batch(ROWS, budget, "prefix-packed", 5)) <= 1000
    reference = reference_batch(ROWS, configured(per_device_eval_batch_size=1), 512)
    assert [(row.prompt, row.responses) for row in reference] == [(390, [79, 50])]


def test_a_run_that_does_not_fit_is_told_which_change_helps_most() -> None:
    config = configured(per_device_train_batch_size=16)
    by = partial(estimate, layers=12)
    needed = by(config, ROWS).total
    assert too_large(by, config, ROWS, needed) is None
    text = too_large(by, config, ROWS, needed // 3) or ""
    assert "`training.per_device_train_batch_size=1` with `training.gradient_accumulation_steps=16` helps most" in text
    alone = configured(per_device_train_batch_size=1)
    hopeless = too_large(by, alone, [RowLengths(100, [50, 60])], 1) or ""  # a shorter limit would not change this row
    assert "`training.gradient_checkpointing=true` helps most" in hopeless
    assert hopeless.endswith("which is still too much")


def test_parts_add_up_and_the_largest_comes_first() -> None:
    found = estimate(configured())
    assert found.total == sum(found.parts.values())
    assert list(found.parts.values()) == sorted(found.parts.values(), reverse=True)
