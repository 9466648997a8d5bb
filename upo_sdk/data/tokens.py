"""From normalised rows to token ids: chat template, one BOS, one EOS, truncation; nothing is changed silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.data.encoding import Encoded, Encoder
from upo_sdk.data.problems import Problems, RowError
from upo_sdk.data.truncation import Shortener, TruncationReport

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


__all__ = ["Tokenized", "tokenize"]

_BATCH_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class Tokenized:
    """Token ids and what was changed to make them.

    Attributes:
        dataset: The rows with ``prompt_ids``, ``response_ids`` (one list per response) and ``response_token_counts``
            (per response, before truncation, without the final EOS).
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
    """Tokenise and truncate every row.

    Prompt and response are tokenised together, so that tokens at the boundary are those of the whole text; where they
    merge, the boundary moves back to the last token that the prompt and all its responses agree on. Every response
    ends in exactly one EOS unless truncation cut it off. An empty prompt becomes the single token BOS, else EOS.

    Args:
        data: A part of :class:`PreferenceData`.
        tokenizer: The policy's.
        max_length: Tokens of prompt and response together, at least two.
        max_prompt_length: Tokens of the prompt, or None.
        on_progress: Called with the rows done and their total.

    Raises:
        DataError: Conversations cannot be rendered, a response has no tokens, or a pair becomes identical; all such
            rows are counted.
        ModelError: The data are conversations and the tokenizer has no chat template.
    """
    import pyarrow as pa
    from datasets import Dataset

    encoder = Encoder(tokenizer, conversational="prompt_messages" in data.column_names)
    shortener = Shortener(max_length=max_length, max_prompt_length=max_prompt_length, bos=tokenizer.bos_token_id)
    problems, tables, done = Problems("tokenising"), list[pa.Table](), 0
    for table in data.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        rows = table.select(["row", *encoder.columns]).to_pylist()
        columns = _token_columns(rows, encoder, shortener, problems)
        if not problems.count:
            tables.append(_with_columns(table, columns))
        done += len(rows)
        on_progress(done, len(data))
    problems.raise_if_any(len(data), fix=f"raise --max_length (now {max_length}), or correct or remove these rows")
    return Tokenized(dataset=Dataset(pa.concat_tables(tables)), report=shortener.report())


def _token_columns(
    rows: list[dict[str, Any]], encoder: Encoder, shortener: Shortener, problems: Problems
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"prompt_ids": [], "response_ids": [], "response_token_counts": []}
    for row, encoded in zip(rows, encoder.encode(rows), strict=True):
        try:
            prompt, responses = _shorten(encoded, shortener)
        except RowError as error:
            problems.add(row["row"], error)
            continue
        columns["prompt_ids"].append(prompt)
        columns["response_ids"].append(responses)
        columns["response_token_counts"].append(encoder.count_tokens(encoded))
    return columns


def _shorten(encoded: Encoded | RowError, shortener: Shortener) -> Encoded:
    if isinstance(encoded, RowError):
        raise encoded
    prompt, responses = shortener.shorten(encoded.prompt, encoded.responses)
    if len(responses) > 1 and responses[0] == responses[1]:
        cut = len(responses[0]) < max(map(len, encoded.responses))
        raise RowError("responses", "are the same tokens" + (f" once cut to {len(responses[0])}" if cut else ""))
    return Encoded(prompt, responses)


def _with_columns(table: pa.Table, columns: dict[str, list[Any]]) -> pa.Table:
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    types = {"prompt_ids": ids, "response_ids": pa.list_(ids), "response_token_counts": ids}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, types[name]))
    return table
