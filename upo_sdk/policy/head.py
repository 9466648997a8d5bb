"""Log-probs of chosen tokens from hidden states: the head runs where a token is predicted, and no logits are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from upo_sdk.policy.fused_head import fused_logps, is_plain
from upo_sdk.policy.logits import LogitTransform, logit_transform
from upo_sdk.policy.tiled_head import linear_logps

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["CHUNK_BYTES", "KEPT_BYTES", "TILE_BYTES", "response_logps", "target_logps"]

CHUNK_BYTES = 32 * 2**20
"""Size of the fp32 logits of one chunk; the most that exists of them at a time."""
TILE_BYTES = 4 * 2**20
"""The same for a plain linear head on a CPU, where a tile should stay in the cache."""
KEPT_BYTES = 64 * 2**20
"""Size of the tiles of a plain linear head that its backward pass on a CPU need not make again."""


def response_logps(lm: PreTrainedModel, hidden_MH: Tensor, target_M: Tensor, head_VH: Tensor | None = None) -> Tensor:
    """Return ``log softmax(head(hidden))[target]`` per position, fp32, shape [M].

    A tensor of shape [M, vocabulary] is never made: the backward pass makes logits again instead of keeping them, but
    for a fixed number of bytes. A plain linear head is computed in tiles; any other head module is called on chunks of
    positions, and what its model's own forward does behind it (scale, soft-cap) is applied; see
    :func:`logit_transform`. On a GPU with the extra ``fused`` installed, half precision goes through cut-cross-entropy
    instead, which does it in one kernel.

    Args:
        lm: A causal language model of transformers.
        hidden_MH: Hidden states after the last norm.
        target_M: Token ids.
        head_VH: The weight of the head as its gradient shall reach it, if that is a plain linear layer.
    """
    head: Any = cast("Any", lm).get_output_embeddings()
    transform = logit_transform(lm.config)
    fused_M = fused_logps(head, transform, hidden_MH, target_M)
    if fused_M is not None:
        return fused_M
    if is_plain(head) and transform == LogitTransform():
        on_cpu = hidden_MH.device.type == "cpu"
        tile_bytes, kept_bytes = (TILE_BYTES, KEPT_BYTES) if on_cpu else (CHUNK_BYTES, 0)
        weight_VH = head.weight if head_VH is None else head_VH
        return linear_logps(hidden_MH, weight_VH, target_M, tile_bytes=tile_bytes, kept_bytes=kept_bytes)

    def logps(hidden_CH: Tensor, target_C: Tensor) -> Tensor:
        return target_logps(transform(head(hidden_CH)).float(), target_C)

    size = max(1, CHUNK_BYTES // (4 * lm.config.get_text_config().vocab_size))
    parts: list[Tensor] = []
    for hidden_CH, target_C in zip(torch.split(hidden_MH, size), torch.split(target_M, size), strict=True):
        if torch.is_grad_enabled():
            part: Any = checkpoint(logps, hidden_CH, target_C, use_reentrant=False, preserve_rng_state=False)
        else:
            part = logps(hidden_CH, target_C)
        parts.append(part)
    return torch.cat(parts)


def target_logps(logits_CV: Tensor, target_C: Tensor) -> Tensor:
    """Return the log-prob of each row's target, shape [C]; overwrites the logits."""
    logps_C: Tensor = _TargetLogps.apply(logits_CV, target_C)  # type: ignore[no-untyped-call]  # of torch
    return logps_C


class _TargetLogps(Function):
    """``x_y − log Σ_v exp x_v``; its gradient by x is ``1[v = y] − softmax(x)_v``, made in the buffer of the logits."""

    @staticmethod
    def forward(ctx: Any, logits_CV: Tensor, target_C: Tensor) -> Tensor:
        target_C1 = target_C.unsqueeze(-1)
        chosen_C1 = logits_CV.gather(-1, target_C1)
        top_C1 = logits_CV.amax(-1, keepdim=True)
        softmax_CV = logits_CV.detach().sub_(top_C1).exp_()
        total_C1 = softmax_CV.sum(-1, keepdim=True)
        ctx.save_for_backward(softmax_CV, total_C1, target_C1)
        return (chosen_C1 - top_C1 - total_C1.log()).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # the decorator renames its parameters
        ctx: Any, *grads: Any
    ) -> tuple[Tensor, None]:
        softmax_CV, total_C1, target_C1 = ctx.saved_tensors
        grad_C1 = grads[0].unsqueeze(-1)
        return softmax_CV.mul_(-grad_C1 / total_C1).scatter_add_(-1, target_C1, grad_C1), None
