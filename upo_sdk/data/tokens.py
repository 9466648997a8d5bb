"""From normalised rows to token ids: chat template, one BOS, one EOS, truncation; nothing is changed silently."""

from __future__ import annotations

import gc
import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from upo_sdk.cache import cache_folder, content_key
from upo_sdk.data.columns import content_name, read_tables
from upo_sdk.data.encoding import Encoded, Encoder
from upo_sdk.data.problems import Problems, RowError
from upo_sdk.data.truncation import TruncationReport, truncate
from upo_sdk.errors import DataError
from upo_sdk.quiet import no_bars_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


__all__ = ["Tokenized", "largest_token_id", "tokenize"]

_BATCH_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class Tokenized:
    """Token ids and what was changed to make them.

    Attributes:
        dataset: The rows with ``prompt_ids``, ``response_ids`` (one list per response) and ``response_token_counts``
            (per response, before truncation, without the final EOS), memory-mapped.
        report: What was truncated.
    """

    dataset: Dataset
    report: TruncationReport


def tokenize(
    data: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    max_prompt_length: int | None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tokenized:
    """Tokenise and truncate every row, or read what an earlier call made of the same rows with an equal tokenizer.

    Prompt and response are tokenised together, so that tokens at the boundary are those of the whole text; where they
    merge, the boundary moves back to the last token that the prompt and all its responses agree on. Every response
    ends in exactly one EOS unless truncation cut it off. An empty prompt becomes the single token BOS, else EOS. A pair
    that truncation makes identical teaches nothing: it is left out and counted in the report.

    Args:
        data: A part of :class:`PreferenceData`.
        tokenizer: The policy's.
        max_length: Tokens of prompt and response together, at least two.
        max_prompt_length: Tokens of the prompt, or None.
        on_progress: Called with the rows done and their total.

    Raises:
        DataError: Conversations cannot be rendered, a response has no tokens, or both responses of a pair are the
            same tokens; all such rows are counted. Or no pair is left.
        ModelError: The data are conversations and the tokenizer has no chat template.
    """
    encoder = Encoder(tokenizer, conversational="prompt_messages" in data.column_names)
    shorten = partial(truncate, max_length=max_length, max_prompt_length=max_prompt_length, bos=encoder.bos)
    fingerprint = content_key(
        "tokens",
        2,
        content_name(data),
        _content_sha256(tokenizer),
        max_length,
        max_prompt_length,
    ).hex()
    with no_bars_of("datasets"):
        dataset = data.with_format("arrow").map(
            _Batches(encoder, shorten, len(data), on_progress),
            batched=True,
            batch_size=_BATCH_ROWS,
            load_from_cache_file=True,
            cache_file_name=str(cache_folder("tokens") / f"{fingerprint}.arrow"),
            new_fingerprint=fingerprint,
        )
    return _without_identical_pairs(dataset.with_format(None), max_length)


def largest_token_id(dataset: Dataset) -> int:
    """Return the largest token id of a tokenised dataset."""
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    return max(
        int(
            max(
                pc.max(pc.list_flatten(table.column("prompt_ids"))).as_py(),
                pc.max(pc.list_flatten(pc.list_flatten(table.column("response_ids")))).as_py(),
            )
        )
        for table in read_tables(dataset, "prompt_ids", "response_ids")
    )


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Keep Python from looking for cycles among lists of numbers, which it does by walking all that is loaded."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _content_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the SHA-256 of everything that a tokenizer saves, and of the libraries that read it."""
    import tokenizers
    import transformers

    digest = hashlib.sha256(f"{transformers.__version__} {tokenizers.__version__}".encode())
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class _Row(NamedTuple):
    """One row within its limits, what it lost, and whether its responses became the same."""

    prompt_ids: list[int]
    response_ids: list[list[int]]
    response_token_counts: list[int]
    prompt_lost: int
    responses_lost: list[int]
    identical: bool


class _Batches:
    """Adds the columns of :class:`_Row` to one table after the other; raises behind the last if a row was bad."""

    def __init__(
        self, encoder: Encoder, shorten: Callable[..., Any], total: int, on_progress: Callable[[int, int], None]
    ) -> None:
        self._encoder = encoder
        self._shorten = shorten
        self._problems = Problems("tokenising")
        self._done, self._total = 0, total
        self._on_progress = on_progress

    def __call__(self, table: Any) -> Any:
        rows = table.select(["row", *self._encoder.columns]).to_pylist()
        with _no_garbage_collection():
            made = [self._row(row["row"], whole) for row, whole in zip(rows, self._encoder.encode(rows), strict=True)]
        self._done += len(rows)
        self._on_progress(self._done, self._total)
        if self._done == self._total:
            self._problems.raise_if_any(self._total, fix="correct or remove these rows")
        return _with_columns(table, made)

    def _row(self, number: int, whole: Encoded | RowError) -> _Row:
        if isinstance(whole, Encoded) and len(whole.responses) > 1 and whole.responses[0] == whole.responses[1]:
            whole = RowError("responses", "are the same tokens")
        if isinstance(whole, RowError):
            self._problems.add(number, whole)
            return _Row([], [], [], 0, [], identical=False)
        prompt, responses = self._shorten(whole.prompt, whole.responses)
        return _Row(
            prompt,
            responses,
            whole.token_counts,
            len(whole.prompt) - len(prompt),
            [len(before) - len(after) for before, after in zip(whole.responses, responses, strict=True)],
            identical=len(responses) > 1 and responses[0] == responses[1],
        )


def _with_columns(table: Any, rows: list[_Row]) -> Any:
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    types = (ids, pa.list_(ids), ids, pa.int32(), ids, pa.bool_())
    for name, values, kind in zip(_Row._fields, zip(*rows, strict=True), types, strict=True):
        table = table.append_column(name, pa.array(values, kind))
    return table


def _without_identical_pairs(dataset: Dataset, max_length: int) -> Tokenized:
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    tables = list(read_tables(dataset, "prompt_lost", "responses_lost", "identical"))
    identical_R = np.concatenate([table.column("identical").to_numpy() for table in tables])
    prompt_lost_R = np.concatenate([table.column("prompt_lost").to_numpy() for table in tables])
    lost_N = np.concatenate([pc.list_flatten(table.column("responses_lost")).to_numpy() for table in tables])
    if identical_R.all():
        raise DataError(
            f"all {len(dataset):,} pairs become identical once truncated",
            where=f"max_length {max_length}",
            fix="raise --max_length",
        )
    report = TruncationReport(
        rows=len(dataset),
        responses=len(lost_N),
        prompts_shortened=int((prompt_lost_R > 0).sum()),
        responses_shortened=int((lost_N > 0).sum()),
        tokens_dropped=int(prompt_lost_R.sum() + lost_N.sum()),
        pairs_left_out=int(identical_R.sum()),
    )
    if identical_R.any():
        dataset = dataset.select(np.flatnonzero(~identical_R))
    return Tokenized(dataset=dataset, report=report)
