"""A model without its weights: what a plan counts, and what optimizers are tried on before any work."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from upo_sdk.errors import ModelError
from upo_sdk.policy.loading import load_errors, resolve_dtype

if TYPE_CHECKING:
    from upo_sdk.config import ModelConfig

_PREFIX = "the model cannot be loaded: "

__all__ = ["build_skeleton", "count_parameters", "shrink"]


def build_skeleton(model_config: Any, model: ModelConfig) -> nn.Module:
    """Build the model as it would be loaded, on the meta device: nothing is allocated, no weight is read.

    Raises:
        ModelError: The configuration is not that of a causal language model, or the attention implementation is
            unknown, not installed, or not supported by it.
    """
    if model.attn_implementation is None:
        return _build(model_config, model)
    plain = _build(model_config, model.model_copy(update={"attn_implementation": None}))
    try:
        return _build(model_config, model)
    except ModelError as error:
        supported = [name for name in ("eager", "sdpa", "flash_attention_2") if _supports(plain, name)]
        raise ModelError(
            f"attention '{model.attn_implementation}' cannot be used: {error.what.removeprefix(_PREFIX)}",
            where="`model.attn_implementation`",
            fix=f"install what it names, or leave the setting out; this model knows {', '.join(supported)}",
        ) from error.__cause__


def count_parameters(skeleton: nn.Module, *, trainable: bool = False) -> int:
    """Count the parameters, or those that are trained; a shared one once."""
    return sum(parameter.numel() for parameter in skeleton.parameters() if parameter.requires_grad or not trainable)


def shrink(skeleton: nn.Module, device: torch.device) -> nn.Module:
    """Replace every parameter and buffer in place by one of a single element on ``device``.

    Modules, names, shared parameters and numbers of dimensions stay, which is what optimizers choose by.
    """
    made: dict[int, nn.Parameter] = {}
    for module in skeleton.modules():
        for name, parameter in module.named_parameters(recurse=False):
            small = torch.zeros([1] * parameter.dim(), dtype=parameter.dtype, device=device)
            module.register_parameter(name, made.setdefault(id(parameter), nn.Parameter(small)))
        for name, buffer in module.named_buffers(recurse=False):
            module.register_buffer(name, torch.zeros([1] * buffer.dim(), dtype=buffer.dtype, device=device))
    return skeleton


def _build(model_config: Any, model: ModelConfig) -> nn.Module:
    from transformers import AutoModelForCausalLM

    own = copy.deepcopy(model_config)  # building writes into it
    asked = {"attn_implementation": model.attn_implementation} if model.attn_implementation else {}
    dtype = resolve_dtype(model)
    asked |= {} if dtype == "auto" else {"dtype": dtype}
    with load_errors(model.path), torch.device("meta"):
        return AutoModelForCausalLM.from_config(own, trust_remote_code=False, **asked)  # type: ignore[no-any-return, no-untyped-call]  # of transformers


def _supports(lm: nn.Module, name: str) -> bool:
    return name == "eager" or bool(getattr(lm, {"sdpa": "_supports_sdpa"}.get(name, "_supports_flash_attn"), False))
