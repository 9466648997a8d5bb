"""Log-probs under the frozen reference: computed once per content, cached, resumable; then the model may go."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch

from upo_sdk.cache import cache_folder, content_key, raw_keys, read_or_make, scratch_file
from upo_sdk.policy.cpu_kernels import own_attention
from upo_sdk.policy.layouts import TokenizedRow
from upo_sdk.policy.reference_plan import plan_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from upo_sdk.arrays import IntArray, KeyArray, LogpArray
    from upo_sdk.cache import ContentCache
    from upo_sdk.policy.policy import Policy
    from upo_sdk.ranks import Ranks

__all__ = ["ReferenceLogps", "RowSource", "reference_logps"]

_PART = 1000
_NOT_OF_THE_MODEL = {"_name_or_path", "transformers_version", "use_cache", "dtype", "torch_dtype"}


class RowSource(Protocol):
    """Rows that are fetched when they are needed.

    Attributes:
        fingerprint: What identifies the content of all rows.
        prompt_lengths_R: Tokens per prompt.
        response_counts_R: Responses per row.
        response_lengths_N: Tokens per response, row by row.
    """

    fingerprint: str
    prompt_lengths_R: IntArray
    response_counts_R: IntArray
    response_lengths_N: IntArray

    def __len__(self) -> int: ...

    def fetch(self, rows: Sequence[int], /) -> list[TokenizedRow]:
        """Return the branches of some rows."""
        ...


class ReferenceLogps:
    """The log-prob of every token of every response, fp32, read from a memory-mapped file.

    Attributes:
        computed: How many distinct responses were not known.
    """

    def __init__(self, values_T: LogpArray, rows: RowSource, computed: int) -> None:
        self.computed = computed
        self._values_T = values_T
        self._end_N = np.cumsum(rows.response_lengths_N)
        self._end_R = np.cumsum(rows.response_counts_R)
        self._lengths_N, self._counts_R = rows.response_lengths_N, rows.response_counts_R

    def __getitem__(self, row: int) -> list[LogpArray]:
        """Return one array per response of a row."""
        end = self._end_R[row]
        return [
            self._values_T[self._end_N[n] - self._lengths_N[n] : self._end_N[n]]
            for n in range(end - self._counts_R[row], end)
        ]


def reference_logps(
    policy: Policy,
    rows: RowSource,
    cache: ContentCache,
    *,
    weights: str,
    tokens_per_batch: int,
    tokens_per_row: int,
    bf16: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ReferenceLogps:
    """Return the log-prob of every token of every response of every row.

    What is known is not computed again, whichever data it came from. All missing responses to one prompt go through
    the model together, so that a layout that shares prompts computes the prompt once. Every finished batch is stored
    at once. Once all are known, they are also written to one file, which the next run on the same rows maps into
    memory.

    Args:
        policy: The policy before training, which is the reference.
        rows: Prompts and their responses.
        cache: Keyed by the model's weights and configuration, the precision, the attention, the layout and the token
            ids.
        weights: :func:`weights_sha256` of the policy.
        tokens_per_batch: Tokens of a forward as the plainest layout needs them: padded, and with the prompt repeated
            for each of its responses.
        tokens_per_row: Tokens of a prompt and of all the responses that go through the model beside it.
        bf16: Compute under bfloat16 autocast, as the policy is trained.
        on_progress: Called with the distinct responses done and their total.
    """
    precision = "bf16" if bf16 else "fp32"
    computed = (own_attention(policy.lm), policy.kernels.enabled, policy.layout.name, policy.lm.device.type, precision)
    model = content_key("reference", 3, weights, _settings(policy.config), *computed)
    path = cache_folder("reference") / f"{content_key(model.hex(), rows.fingerprint).hex()}.npy"
    computed_now = 0

    def make(path: Path) -> None:
        nonlocal computed_now
        prompt_R, keys_N = _keys(model, rows)
        compute = _ReferencePass(policy, rows, prompt_R, tokens_per_batch, tokens_per_row, bf16)
        computed_now = cache.fill(keys_N, compute, on_progress, kind="log-probs").computed
        _write(path, cache, keys_N, int(rows.response_lengths_N.sum()))

    return ReferenceLogps(read_or_make(path, _read, make, cache.ranks), rows, computed_now)


def _read(path: Path) -> LogpArray:
    return cast("LogpArray", np.load(path, mmap_mode="r", allow_pickle=False))


@dataclass(frozen=True, slots=True)
class _ReferencePass:
    policy: Policy
    rows: RowSource
    prompt_R: IntArray
    tokens_per_batch: int
    tokens_per_row: int
    bf16: bool

    def __call__(self, missing: Sequence[int], ranks: Ranks) -> Iterator[dict[int, bytes]]:
        """Yield the log-probs of this process's share of some responses, batch by batch."""
        missing_M, counts_R = np.asarray(missing), self.rows.response_counts_R
        row_N = np.repeat(np.arange(len(self.rows)), counts_R)
        first_R = np.cumsum(counts_R) - counts_R
        batches = plan_batches(
            self.prompt_R[row_N[missing_M]],
            self.rows.prompt_lengths_R[row_N[missing_M]],
            self.rows.response_lengths_N[missing_M],
            tokens_per_batch=self.tokens_per_batch,
            tokens_per_row=self.tokens_per_row,
        )
        for batch in islice(batches, ranks.index, None, ranks.count):
            groups = [missing_M[indices] for indices in batch]
            places = [[(row, n - first_R[row]) for n, row in zip(group, row_N[group], strict=True)] for group in groups]
            logps = _forward(self.policy, self._branches(places), bf16=self.bf16)
            yield dict(zip(np.concatenate(groups).tolist(), map(bytes, logps), strict=True))

    def _branches(self, places: list[list[tuple[int, int]]]) -> list[TokenizedRow]:
        """Return one row per list of places; a place is a row of the data and one of its responses."""
        wanted = list(dict.fromkeys(int(row) for group in places for row, _ in group))
        found = dict(zip(wanted, self.rows.fetch(wanted), strict=True))
        return [
            TokenizedRow(found[group[0][0]].prompt_ids, [found[row].response_ids[which] for row, which in group])
            for group in places
        ]


def _write(path: Path, cache: ContentCache, keys_N: KeyArray, tokens: int) -> None:
    """Write all log-probs, row by row, to one file."""
    with scratch_file(path.parent) as unfinished:
        values_T = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=(tokens,))
        position = 0
        for start in range(0, len(keys_N), _PART):
            keys = raw_keys(keys_N[start : start + _PART])
            known = cache.get(keys)
            values = np.frombuffer(b"".join(known[key] for key in keys), dtype=np.float32)
            values_T[position : position + len(values)] = values
            position += len(values)
        values_T.flush()
        unfinished.replace(path)


def _settings(config: Any) -> str:
    """Return the model's configuration, on which log-probs depend as much as on its weights; not where it came from."""
    settings = {key: value for key, value in config.to_dict().items() if key not in _NOT_OF_THE_MODEL}
    return json.dumps(settings, sort_keys=True, default=str)


def _keys(model: bytes, rows: RowSource) -> tuple[IntArray, KeyArray]:
    """Return a number per row, equal for equal prompts, and the SHA-256 of prompt and response per response."""
    prompt_R, keys_N = np.empty(len(rows), "S32"), np.empty(len(rows.response_lengths_N), "S32")
    position = 0
    for start in range(0, len(rows), _PART):
        part = range(start, min(start + _PART, len(rows)))
        for row, branches in zip(part, rows.fetch(part), strict=True):
            prompt = model + len(branches.prompt_ids).to_bytes(8) + _bytes(branches.prompt_ids)
            prompt_R[row] = hashlib.sha256(prompt).digest()
            for response in branches.response_ids:
                keys_N[position] = hashlib.sha256(prompt + _bytes(response)).digest()
                position += 1
    return np.unique(prompt_R, return_inverse=True)[1], keys_N


def _bytes(ids: Sequence[int]) -> bytes:
    return np.asarray(ids, dtype="<i4").tobytes()


def _forward(policy: Policy, rows: list[TokenizedRow], *, bf16: bool) -> list[LogpArray]:
    inputs = {name: tensor.to(policy.lm.device) for name, tensor in policy.layout.collate(rows).items()}
    with torch.no_grad(), torch.autocast(policy.lm.device.type, dtype=torch.bfloat16, enabled=bf16):
        logps_NT = policy(**inputs).logps_NT.float().cpu().numpy()
    lengths = [len(response) for row in rows for response in row.response_ids]
    return [logps_NT[n, :length] for n, length in enumerate(lengths)]
