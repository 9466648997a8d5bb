"""The head and the log-softmax in one GPU kernel, where the optional package for it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.policy.logits import LogitTransform

__all__ = ["fused_logps", "is_bare", "is_plain"]

_HALF = (torch.bfloat16, torch.float16)


def fused_logps(head: Any, transform: LogitTransform, hidden_MH: Tensor, target_M: Tensor) -> Tensor | None:
    """Return the log-probs of the targets by cut-cross-entropy (arXiv 2411.09009), or None where it does not apply.

    It applies on CUDA, in half precision, to a head that is a plain linear layer without bias and without hooks: the
    kernel reads the weight and does not call the module.
    """
    if not hidden_MH.is_cuda or not is_plain(head) or find_spec("cut_cross_entropy") is None:
        return None
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else hidden_MH.dtype
    if dtype not in _HALF:
        return None
    from cut_cross_entropy import linear_cross_entropy  # pyright: ignore[reportMissingImports]

    loss_M: Tensor = linear_cross_entropy(
        (hidden_MH * transform.scale).to(dtype),
        head.weight.to(dtype),
        target_M,
        softcap=transform.cap,
        reduction="none",
        filter_eps=None,  # its default drops small gradients
    )
    return -loss_M.float()


def is_plain(head: Any) -> bool:
    """Return whether a head is a linear layer without bias and without hooks, so that its weight is all of it."""
    return is_bare(head, nn.Linear) and head.bias is None


def is_bare(module: Any, kind: type[nn.Module]) -> bool:
    """Return whether a module is of this very kind and calling it does nothing more: no hook, no wrapper."""
    if type(module) is not kind:
        return False
    own = vars(module)  # torch has no other way to ask for hooks
    return not own["_forward_hooks"] and not own["_forward_pre_hooks"] and "forward" not in own
