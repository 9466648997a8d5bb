"""What a forward and backward pass keeps, in bytes: counted from the shapes that the layers keep, not fitted.

Legend: ``H`` hidden size, ``Q`` heads times their width, ``K`` the same of keys and values, ``I`` width of the
feed-forward layer over all experts that a token goes to, ``S`` positions of a batch that go through the model, ``U``
those that are read, ``M`` predicted tokens, ``V`` vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.policy.head import CHUNK_BYTES, KEPT_BYTES, TILE_BYTES

if TYPE_CHECKING:
    from torch import nn

    from upo_sdk.plan.batch_shape import BatchShape

__all__ = ["LayerShape", "Numbers", "forward_bytes", "head_bytes", "kept_bytes", "layer_bytes"]

_FLOAT, _HALF = 4, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerShape:
    """The widths of a model; see the legend."""

    hidden: int
    queries: int
    keys: int
    heads: int
    between: int
    gated: bool
    layers: int
    vocabulary: int

    @classmethod
    def of(cls, model_config: Any, skeleton: nn.Module) -> LayerShape:
        """Read them from a model's configuration; whether its feed-forward layers are gated, from its modules."""
        text = model_config.get_text_config()
        hidden, heads = int(text.hidden_size), int(getattr(text, "num_attention_heads", None) or 1)
        width = int(getattr(text, "head_dim", None) or hidden // heads)
        keys = getattr(text, "num_key_value_heads", None) or heads
        return cls(
            hidden=hidden,
            queries=heads * width,
            keys=int(keys) * width,
            heads=heads,
            between=_between(text, hidden),
            gated=any("gate" in name.rpartition(".")[2] for name, _ in skeleton.named_modules()),
            layers=int(text.num_hidden_layers),
            vocabulary=int(text.vocab_size),
        )


def _between(text: Any, hidden: int) -> int:
    def of(*names: str) -> int:
        return int(next((value for name in names if isinstance(value := getattr(text, name, None), int)), 0))

    dense = of("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size") or 4 * hidden
    chosen = of("num_experts_per_tok", "moe_topk")
    if not chosen:
        return dense
    expert = of("moe_intermediate_size") or dense
    return chosen * expert + (of("shared_expert_intermediate_size") or of("n_shared_experts") * expert)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How a step computes.

    Attributes:
        stored: Bytes of a number between the layers: that of the weights.
        computed: Bytes of a number inside them: two under bfloat16 autocast.
        fused: Whether norms and gated layers are those of ``cpu_kernels``, which keep their inputs only.
        recomputed: Whether results of norms, activations and gates are computed again; see ``cpu_kernels.recompute``.
        on_cpu: Where it computes.
    """

    stored: int
    computed: int
    fused: bool
    recomputed: bool
    on_cpu: bool

    @classmethod
    def of(cls, stored: int, *, autocast: bool, kernels: bool, on_cpu: bool) -> Numbers:
        """Return how a step computes with weights of so many bytes a number."""
        computed = _HALF if autocast else stored
        fused = kernels and on_cpu and computed == _FLOAT
        return cls(stored=stored, computed=computed, fused=fused, recomputed=kernels, on_cpu=on_cpu)

    @property
    def autocast(self) -> bool:
        """Whether inputs of linear layers are copied into another type."""
        return self.computed < self.stored


def layer_bytes(
    shape: LayerShape, numbers: Numbers, *, adapter_width: int = 0, masked: bool = False
) -> tuple[int, int]:
    """Return what one layer keeps per position: of attention and norms, and of its feed-forward part.

    The two inputs of the norms (the residual stream), queries, keys, values and the result of attention, with one sum
    per head, and what the gate and the up-projection give. Behind a
    mask, keys and values are repeated for all heads. Norms that are not fused keep a normed copy in fp32;
    autocast keeps a copy for each of five projections, and of the product in front of the last one.
    """
    hidden, own = shape.hidden, numbers.computed
    attention = 2 * (shape.queries + (shape.queries if masked else shape.keys)) * own + _FLOAT * shape.heads
    kept = 2 * hidden * numbers.stored + attention + 2 * _FLOAT
    if not numbers.fused:
        kept += 2 * hidden * _FLOAT + (2 * hidden * own if numbers.stored < _FLOAT or not numbers.recomputed else 0)
    if numbers.autocast:
        kept += 5 * hidden * own
    widths = (2 if shape.gated else 4) + (1 if numbers.autocast else 0)
    widths += 2 if shape.gated and not numbers.recomputed else 0
    return kept + adapter_width * _FLOAT, widths * shape.between * own


def passing_bytes(shape: LayerShape, numbers: Numbers) -> int:
    """Return what the backward pass of one layer needs per position beside what is kept.

    Four buffers between the projections (the activation, the product, and the gradients of both), a norm that is
    computed again, and the gradients of its input and its result.
    """
    return 4 * shape.between * numbers.computed + 3 * shape.hidden * numbers.stored


def forward_bytes(shape: LayerShape, numbers: Numbers) -> int:
    """Return what one layer needs per position where nothing is kept: the widest of its parts at a time."""
    attention = 2 * (shape.queries + 2 * shape.keys) * numbers.computed
    return 2 * shape.hidden * numbers.stored + max(attention, 3 * shape.between * numbers.computed)


def kept_bytes(shape: LayerShape, numbers: Numbers, batch: BatchShape, *, checkpointing: bool, adapter: int) -> int:
    """Return the activations of a batch at the moment when its backward pass begins, with what that pass needs.

    With activation checkpointing the inputs of all layers, and one layer without anything computed again later. A last
    layer on a CPU computes its feed-forward part only for positions that are read.
    """
    attention, between = layer_bytes(shape, numbers, adapter_width=adapter, masked=batch.mask > 0)
    masks = _FLOAT * batch.mask * (shape.layers if batch.masks and not checkpointing else 1)
    passing = batch.positions * passing_bytes(shape, numbers)
    if checkpointing:
        again = 2 * shape.hidden * numbers.computed
        inputs = shape.layers * shape.hidden * numbers.stored
        return batch.positions * (inputs + attention + between + again) + passing + masks
    whole = batch.positions * (shape.layers * attention + (shape.layers - 1) * between)
    return whole + batch.read * between + passing + masks


def head_bytes(shape: LayerShape, numbers: Numbers, batch: BatchShape, *, trained: bool, grad: bool) -> int:
    """Return what the head keeps: its inputs and their gradients, and logits.

    A plain head keeps tiles of a fixed size; layouts that call the model's own head keep the logits of all responses
    in fp32, and once more while they are made or their gradient is.
    """
    inputs = 3 * batch.predicted * shape.hidden * _FLOAT + 2 * batch.positions * shape.hidden * numbers.stored
    if batch.logits:
        return inputs + (2 if grad else 1) * _FLOAT * batch.logits * shape.vocabulary
    logits = _FLOAT * batch.predicted * shape.vocabulary
    most = (TILE_BYTES + (KEPT_BYTES if grad and trained else 0)) if numbers.on_cpu else 2 * CHUNK_BYTES
    return inputs + min(most, 2 * logits)
