"""One gradient for a weight that is both embedding and head: the tokens' part is added to the rows of the head's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from upo_sdk.policy.fused_head import is_bare

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Embedded", "embed"]


class Embedded(NamedTuple):
    """The embeddings of tokens.

    Attributes:
        hidden: As the model's own module gives them.
        head_VH: The head's weight, for the pass that continues from ``hidden``; None if the head is to be used as
        it is.
    """

    hidden: Tensor
    head_VH: Tensor | None = None


def embed(lm: PreTrainedModel, ids: Tensor) -> Embedded:
    """Embed tokens; where the head has the same weight, both get their gradient in one pass.

    By itself, autograd would make a second gradient of the size of the vocabulary for the few rows of the tokens, and
    add it to the head's.
    """
    model = cast("Any", lm)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    plain = is_bare(embedding, nn.Embedding) and is_bare(head, nn.Linear) and embedding.weight.dtype == torch.float32
    if not plain or embedding.weight is not head.weight or embedding.max_norm or embedding.scale_grad_by_freq:
        return Embedded(embedding(ids))
    return Embedded(*_Tied.apply(embedding.weight, ids, embedding.padding_idx))  # type: ignore[no-untyped-call]  # of torch


class _Tied(Function):
    @staticmethod
    def forward(ctx: Any, weight_VH: Tensor, ids: Tensor, padding_idx: int | None) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(ids, weight_VH)
        ctx.padding_idx = padding_idx
        ctx.set_materialize_grads(False)
        return torch.embedding(weight_VH, ids), weight_VH.view_as(weight_VH)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor | None, None, None]:
        """Add to the head's gradient in place: it was made for this weight, and nobody else has it."""
        ids, weight_VH = ctx.saved_tensors
        of_hidden, of_head_VH = grads
        of_weight_VH = torch.zeros_like(weight_VH) if of_head_VH is None else of_head_VH
        if of_hidden is not None:
            if ctx.padding_idx is not None:
                of_hidden = of_hidden.masked_fill((ids == ctx.padding_idx).unsqueeze(-1), 0)
            of_weight_VH.index_add_(0, ids.flatten(), of_hidden.flatten(0, -2))
        return of_weight_VH, None, None
