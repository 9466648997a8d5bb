"""Log-probs under the frozen reference: computed once per content, cached, resumable; then the model may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from upo_sdk.cache import content_key
from upo_sdk.policy.layouts import Branches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from upo_sdk.cache import ContentCache
    from upo_sdk.policy.policy import Policy

__all__ = ["reference_logps"]

FloatArray = np.ndarray[tuple[int], np.dtype[np.float32]]


def reference_logps(
    policy: Policy,
    rows: Sequence[Branches],
    cache: ContentCache,
    *,
    weights: str,
    batch_size: int,
    bf16: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[list[FloatArray]]:
    """Return the log-prob of every token of every response of every row, fp32.

    What the cache knows is not computed again; every finished batch is stored at once.

    Args:
        policy: The policy before training, which is the reference.
        rows: Prompts and their responses.
        cache: Keyed by the model's weights, the precision, the attention and the token ids.
        weights: :func:`weights_sha256` of the policy.
        batch_size: Responses per forward.
        bf16: Compute under bfloat16 autocast, as the policy is trained.
        on_progress: Called with the responses done and their total.
    """
    model = f"{weights} {policy.config._attn_implementation} bf16={bf16}"  # noqa: SLF001 - it has no other name
    keys = [[_key(model, row.prompt_ids, response) for response in row.response_ids] for row in rows]
    known = cache.get(key for row_keys in keys for key in row_keys)
    missing = {
        key: Branches(row.prompt_ids, [response])
        for row, row_keys in zip(rows, keys, strict=True)
        for key, response in zip(row_keys, row.response_ids, strict=True)
        if key not in known
    }
    total = len(known) + len(missing)
    on_progress(len(known), total)
    for part in _batches(missing.items(), batch_size):
        with torch.no_grad(), torch.autocast(policy.lm.device.type, dtype=torch.bfloat16, enabled=bf16):
            computed = _forward(policy, [branch for _, branch in part])
        new = {key: logps.tobytes() for (key, _), logps in zip(part, computed, strict=True)}
        cache.put(new)
        known |= new
        on_progress(len(known), total)
    return [[np.frombuffer(known[key], dtype=np.float32) for key in row_keys] for row_keys in keys]


def _key(model: str, prompt_ids: Sequence[int], response_ids: Sequence[int]) -> bytes:
    return content_key("reference-logps", 1, model, list(prompt_ids), list(response_ids))


def _batches(items: Iterable[tuple[bytes, Branches]], size: int) -> Iterable[list[tuple[bytes, Branches]]]:
    """Group by length, longest first, so that little is padding and a lack of memory shows at once."""
    ordered = sorted(items, key=lambda item: -len(item[1].prompt_ids) - len(item[1].response_ids[0]))
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def _forward(policy: Policy, rows: list[Branches]) -> list[FloatArray]:
    inputs = {name: tensor.to(policy.lm.device) for name, tensor in policy.layout.collate(rows).items()}
    logps_NT = policy(**inputs).logps_NT.float().cpu().numpy()
    return [logps_NT[n, : len(row.response_ids[0])].copy() for n, row in enumerate(rows)]
