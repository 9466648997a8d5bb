"""The memory that a run takes on each device, from its configuration and the lengths of its rows; nothing is loaded."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.plan.activations import LayerShape, Numbers, forward_bytes, head_bytes, kept_bytes
from upo_sdk.plan.batch_shape import batch_shape, largest_batch, layout_name, reference_batch
from upo_sdk.plan.sharding import Sharding, sharding_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from upo_sdk.config import RunConfig
    from upo_sdk.plan.batch_shape import BatchShape, RowLengths

__all__ = ["MemoryEstimate", "estimate_memory"]

_HOLES = 0.3
"""What glibc keeps of freed tensors, as a share of the activations: 200 MB where 700 MB were in use (ADR 16)."""
_HOLES_KEPT = 64 * 2**20
"""Under activation checkpointing it is returned as soon as it is more; see ``training.free_memory``."""
_SCALES = 0.13
"""Bits of a quantised number that its block shares: double quantisation of QLoRA (arXiv 2305.14314, section 3)."""
_STATES = (
    ("adafactor", 0.0),
    ("sgd", 0.0),
    ("rmsprop", 1.0),
    ("adagrad", 1.0),
    ("lion", 1.0),
    ("galore", 0.5),
    ("apollo", 0.5),
)
"""Numbers of state per trained parameter, by the beginning of the optimizer's name; two for Adam and all others.

Adafactor keeps a row and a column of a matrix. GaLore and Apollo keep two numbers in a space of low rank.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """What is in memory on each device at the moment of a run that needs the most, in bytes.

    Not counted are the libraries and, on an accelerator, its context. Objectives that load a model of their own add it.

    Attributes:
        weights: The model's parameters and buffers, whole or the share of a rank; quantised ones as they are kept.
        gradients: Of the trained parameters, as far as they exist at that moment; with DDP its buckets, too.
        optimizer: The optimizer's state, by the name of the optimizer.
        activations: What the backward pass reads of the layers, and what it works with; see ``plan.activations``.
        head: The inputs of the head and logits.
        allocator: What the C library keeps of freed memory on a CPU.
        moment: ``backward pass``, ``optimizer step`` or ``reference pass``.
    """

    weights: int
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    head: int = 0
    allocator: int = 0
    moment: str = "backward pass"

    @property
    def total(self) -> int:
        """Everything together."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """The parts by name, the largest first."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "moment"}
        return dict(sorted(named.items(), key=lambda item: -item[1]))


def estimate_memory(
    config: RunConfig, rows: Sequence[RowLengths], *, model_config: Any, skeleton: nn.Module, batches: int, ranks: int
) -> MemoryEstimate:
    """Return the estimate for the moment of the run that needs the most.

    That is the begin of a backward pass, where all activations exist and of the gradients only that of the head (all of
    them if gradients are accumulated), or the optimizer step, where all gradients exist, or the reference pass, which
    has no gradients and often larger batches. A layout that is chosen by itself is taken to be the first that is tried.

    Args:
        config: Of the run; ``model`` and ``data`` are set.
        rows: The lengths of some rows.
        model_config: Of transformers.
        skeleton: The model on the meta device, with the adapter that is trained, if any.
        batches: Batches that a rank reads in the run.
        ranks: The number of processes.
    """
    on_cpu = _on_cpu(config)
    model = _Model(config, model_config, skeleton, sharding_of(config.training, ranks), on_cpu)
    layout = layout_name(config.training.layout, rows)
    segments = on_cpu and config.training.cpu_kernels == "auto"
    step = batch_shape(largest_batch(rows, config, layout, batches), layout, segments=segments)
    moments = [model.backward_pass(step), model.optimizer_step()]
    if config.data is not None:
        longest = reference_batch(rows, config, config.data.max_length)
        moments.append(model.reference_pass(batch_shape(longest, layout, segments=segments)))
    return max(moments, key=_total)


def _total(estimate: MemoryEstimate) -> int:
    return estimate.total


def _on_cpu(config: RunConfig) -> bool:
    return not torch.accelerator.is_available() or bool(config.training.arguments.get("use_cpu"))


def _weight_bytes(config: RunConfig, skeleton: nn.Module) -> int:
    """Return the bytes of parameters and buffers; frozen matrices of the layers as bitsandbytes keeps them."""
    model = config.model
    bits = 4 if model and model.load_in_4bit else 8 if model and model.load_in_8bit else None
    return sum(
        int(tensor.numel() * (bits + _SCALES) / 8) if bits and _is_quantized(name, tensor) else tensor.nbytes
        for name, tensor in (*skeleton.named_parameters(), *skeleton.named_buffers())
    )


def _is_quantized(name: str, tensor: torch.Tensor) -> bool:
    return not tensor.requires_grad and tensor.dim() > 1 and "layer" in name


class _Model:
    """One policy in training; its methods are the moments."""

    def __init__(
        self,
        config: RunConfig,
        model_config: Any,
        skeleton: nn.Module,
        sharding: Sharding,
        on_cpu: bool,  # noqa: FBT001
    ) -> None:
        self._training, self._sharding, self._on_cpu = config.training, sharding, on_cpu
        self._shape = LayerShape.of(model_config, skeleton)
        trained = [parameter for parameter in skeleton.parameters() if parameter.requires_grad]
        self._weights = _weight_bytes(config, skeleton)
        self._trained = sum(parameter.nbytes for parameter in trained)
        self._largest = max((parameter.nbytes for parameter in trained), default=0)
        head: Any = skeleton.get_output_embeddings()  # type: ignore[operator]  # of transformers
        self._head = head.weight.nbytes if head is not None and head.weight.requires_grad else 0
        self._adapter = (
            sum(len(parameter) for name, parameter in skeleton.named_parameters() if ".lora_A." in name)
            // self._shape.layers
        )
        self._numbers = Numbers.of(
            next(skeleton.parameters()).element_size(),
            autocast=config.training.bf16,
            kernels=config.training.cpu_kernels == "auto",
            on_cpu=on_cpu,
        )

    def backward_pass(self, batch: BatchShape) -> MemoryEstimate:
        training = self._training
        kept = kept_bytes(
            self._shape, self._numbers, batch, checkpointing=training.gradient_checkpointing, adapter=self._adapter
        )
        casts = self._weights // 2 if self._numbers.autocast else 0
        head = head_bytes(self._shape, self._numbers, batch, trained=bool(self._head), grad=True)
        whole = training.gradient_accumulation_steps > 1 or self._sharding.bucketed
        gradients = self._gradients() if whole else min(self._head, self._gradients())
        return MemoryEstimate(
            weights=self._held() + self._sharding.gathered(self._largest),
            gradients=gradients,
            optimizer=self._optimizer(),
            activations=kept + casts,
            head=head,
            allocator=self._holes(kept + head),
        )

    def optimizer_step(self) -> MemoryEstimate:
        fused = self._training.optim in {"adamw_torch_fused", "sgd"}
        return MemoryEstimate(
            weights=self._held(),
            gradients=self._gradients(),
            optimizer=self._optimizer() + (0 if fused else 2 * self._largest),
            moment="optimizer step",
        )

    def reference_pass(self, batch: BatchShape) -> MemoryEstimate:
        activations = batch.positions * forward_bytes(self._shape, self._numbers)
        head = head_bytes(self._shape, self._numbers, batch, trained=False, grad=False)
        return MemoryEstimate(
            weights=self._weights,
            activations=activations,
            head=head,
            allocator=self._holes(activations + head),
            moment="reference pass",
        )

    def _held(self) -> int:
        return self._weights // self._sharding.weights

    def _gradients(self) -> int:
        return self._trained * (2 if self._sharding.bucketed else 1) // self._sharding.gradients

    def _optimizer(self) -> int:
        name = self._training.optim.removeprefix("paged_")
        numbers = next((count for start, count in _STATES if name.startswith(start)), 2.0)
        state = numbers * self._trained / (self._numbers.stored if "8bit" in name or "4bit" in name else 1)
        return int(state) // self._sharding.optimizer

    def _holes(self, activations: int) -> int:
        if not self._on_cpu:
            return 0
        holes = int(_HOLES * activations)
        return min(holes, _HOLES_KEPT) if self._training.gradient_checkpointing else holes
