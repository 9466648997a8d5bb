"""Tables of normalised rows, and the columns that tokenising adds to them."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from upo_sdk.data.encoding import Encoded
from upo_sdk.data.problems import RowError
from upo_sdk.data.shortening import TokenRow, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from upo_sdk.data.encoding import Encoder
    from upo_sdk.data.problems import Problems
    from upo_sdk.data.truncation import Limits

__all__ = ["TokenColumns"]


class TokenColumns:
    """Adds the columns of :class:`TokenRow` to one table after the other; raises behind the last if a row was bad."""

    def __init__(
        self,
        encoder: Encoder,
        limits: Limits,
        problems: Problems,
        total: int,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._encoder = encoder
        self._limits = limits
        self._problems = problems
        self._done, self._total = 0, total
        self._on_progress = on_progress

    def __call__(self, table: Any) -> Any:
        """Return an Arrow table with the columns of its tokens."""
        rows = table.select(["row", *self._encoder.columns]).to_pylist()
        with _no_garbage_collection():
            made = [self._row(row["row"], whole) for row, whole in zip(rows, self._encoder.encode(rows), strict=True)]
        self._done += len(rows)
        self._on_progress(self._done, self._total)
        if self._done == self._total:
            self._problems.raise_if_any(self._total, fix="correct or remove these rows")
        return _with_columns(table, made)

    def _row(self, number: int, whole: Encoded | RowError) -> TokenRow:
        if isinstance(whole, Encoded) and len(whole.responses) > 1 and whole.responses[0] == whole.responses[1]:
            alike = whole.conversation and whole.conversation.responses[0] != whole.conversation.responses[1]
            by_template = ": the chat template leaves out what makes them different" if alike else ""
            whole = RowError("responses", f"are the same tokens{by_template}")
        made = whole if isinstance(whole, RowError) else shortened(whole, self._encoder, self._limits)
        if isinstance(made, RowError):
            bad = self._problems.add(number, made)
            return TokenRow(bad=(bad.source, bad.column or "", bad.reason))
        return made


def _with_columns(table: Any, rows: list[TokenRow]) -> Any:
    import pyarrow as pa

    ids, texts = pa.list_(pa.int32()), pa.list_(pa.string())
    types = {
        "prompt_ids": ids,
        "response_ids": pa.list_(ids),
        "response_token_counts": ids,
        "response_trained": pa.list_(ids),
        "prompt_lost": pa.int32(),
        "responses_lost": ids,
        "identical": pa.bool_(),
        "needed_length": pa.int32(),
        "kept_prompt": pa.string(),
        "kept_prompt_messages": pa.string(),
        "kept_responses": texts,
        "kept_response_messages": texts,
        "findings": texts,
        "bad": texts,
    }
    for name, values in zip(TokenRow._fields, zip(*rows, strict=True), strict=True):
        table = table.append_column(name, pa.array(values, types[name]))
    return table


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
