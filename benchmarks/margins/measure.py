"""The largest implicit reward margin of a policy that learns nothing: zero, if a row's numbers are its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from benchmarks.margins.families import BORDER, VOCABULARY
from upo_sdk.cache import ContentCache, default_cache_dir
from upo_sdk.errors import ModelError
from upo_sdk.policy import TokenizedList, TokenizedRow, choose_layout, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from upo_sdk.config.sections import LayoutName
    from upo_sdk.policy import Policy

__all__ = ["LAYOUTS", "PAIRS", "Measured", "largest_margin", "measure"]

LAYOUTS: tuple[LayoutName, ...] = (
    "padded",
    "separate",
    "packed",
    "prefix-shared",
    "prefix-packed",
    "prefix-cache",
    "single",
)
BATCHES = (1, 4)


def _ids(count: int, generator: random.Random) -> list[int]:
    return [generator.randrange(2, VOCABULARY) for _ in range(count)]


def _pairs() -> list[TokenizedRow]:
    """Return pairs on both sides of the border of length-switched rotary embeddings, and across it."""
    generator = random.Random(0)  # noqa: S311 - of token ids
    long = [(24, 14, 16), (13, 1, 30), (20, 12, BORDER - 20), (17, 6, BORDER - 16)]
    lengths = [*long, (5, 2, 9), (30, 24, 3), (3, 1, 2), (8, 5, 5)]
    return [
        TokenizedRow(_ids(prompt, generator), [_ids(chosen, generator), _ids(rejected, generator)])
        for prompt, chosen, rejected in lengths
    ]


PAIRS = _pairs()


def largest_margin(policy: Policy, batch_size: int, pairs: Sequence[TokenizedRow] = PAIRS) -> float:
    """Return the largest ``|Σ (log π − log ρ)|`` between two responses of a pair, in nats, if nothing is learnt.

    ρ comes from the reference pass, with its own batches; π from training steps: gradients, the model's mode and the
    kernels of training.
    """
    policy.eval()
    reference = reference_logps(
        policy,
        TokenizedList(pairs),
        ContentCache(default_cache_dir() / "cache.sqlite"),
        weights=weights_sha256(policy.lm),
        tokens_per_batch=200,
        tokens_per_row=400,
    )
    sums = [[float(logps.sum()) for logps in reference[row]] for row in range(len(pairs))]
    policy.train()
    largest = 0.0
    for start in range(0, len(pairs), batch_size):
        batch = range(start, min(start + batch_size, len(pairs)))
        logps_NT = policy(**policy.layout.collate([pairs[row] for row in batch])).logps_NT
        lengths_N = torch.tensor([len(response) for row in batch for response in pairs[row].response_ids])
        mask_NT = torch.arange(logps_NT.shape[1]) < lengths_N.unsqueeze(-1)
        logps_N = (logps_NT * mask_NT).sum(-1)
        logps_N.sum().backward()
        rewards = logps_N.detach().double().view(len(batch), -1) - torch.tensor([sums[row] for row in batch])
        largest = max(largest, float((rewards[:, 0] - rewards[:, 1]).abs().max()))
    policy.eval()
    policy.lm.zero_grad()
    return largest


@dataclass(frozen=True, slots=True)
class Measured:
    """What one family came to: the layout that auto takes, and per layout the largest margin or None if refused."""

    auto: str
    margins: dict[str, float | None]


def measure(lm: PreTrainedModel) -> Measured:
    """Try every layout on a model, in batches of one pair and of four."""
    margins = dict[str, float | None]()
    for name in LAYOUTS:
        try:
            policy = choose_layout(lm, PAIRS, name).policy(lm)
        except ModelError:
            margins[name] = None
            continue
        margins[name] = max(largest_margin(policy, size) for size in BATCHES)
        policy.kernels.remove()
    return Measured(choose_layout(lm, PAIRS).layout.name, margins)
