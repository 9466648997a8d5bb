"""Whether a function computes what it looks like: compared on random input, and never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["disagreement", "is_whole"]


def disagreement(own: Callable[..., Any], ours: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> str | None:
    """Return why two functions are not the same on random input of these shapes, or None if they are.

    The reason is empty where both were called and gave different results: then one is simply another function.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=generator) for shape in shapes]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            pairs = list(zip(_tensors(own(*inputs)), _tensors(ours(*inputs)), strict=True))
        same = all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in pairs)
    except Exception as error:  # noqa: BLE001 - what a module does with input that it does not know has no common type
        return f"raises {type(error).__name__}"
    return None if same else ""


def is_whole(tensor: Any) -> bool:
    """Return whether a weight is a plain tensor in fp32: not sharded, quantised or otherwise wrapped."""
    return type(tensor) in {nn.Parameter, Tensor} and tensor.dtype == torch.float32


def _tensors(result: Any) -> Iterator[Tensor]:
    yield from [result] if isinstance(result, Tensor) else result
