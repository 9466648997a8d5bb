"""From normalised rows to token ids: chat template, one BOS, one EOS, truncation; nothing is changed silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.encoding import Encoded, Encoder
from upo_sdk.data.problems import Problems, RowError
from upo_sdk.data.truncation import Shortener, TruncationReport
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase


__all__ = ["Tokenized", "largest_token_id", "tokenize"]

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
    import pyarrow as pa
    from datasets import Dataset

    encoder = Encoder(tokenizer, conversational="prompt_messages" in data.column_names)
    shortener = Shortener(max_length=max_length, max_prompt_length=max_prompt_length, bos=encoder.bos)
    problems, tables, done = Problems("tokenising"), list[Any](), 0
    for table in cast("Iterator[Any]", data.with_format("arrow").iter(batch_size=_BATCH_ROWS)):
        rows = table.select(["row", *encoder.columns]).to_pylist()
        encoded = _encode(rows, encoder, shortener, problems)
        if not problems.count:
            tables.append(_with_columns(table, encoded))
        done += len(rows)
        on_progress(done, len(data))
    problems.raise_if_any(len(data), fix="correct or remove these rows")
    dataset = Dataset(pa.concat_tables(tables))
    if not len(dataset):
        raise DataError(
            f"all {len(data):,} pairs become identical once truncated",
            where=f"max_length {max_length}",
            fix="raise --max_length",
        )
    return Tokenized(dataset=dataset, report=shortener.report())


def largest_token_id(dataset: Dataset) -> int:
    """Return the largest token id of a tokenised dataset."""
    import pyarrow.compute

    pc, table = cast("Any", pyarrow.compute), cast("Any", dataset.data)
    prompts = pc.list_flatten(table.column("prompt_ids"))
    responses = pc.list_flatten(pc.list_flatten(table.column("response_ids")))
    return int(max(pc.max(prompts).as_py(), pc.max(responses).as_py()))


def _encode(
    rows: list[dict[str, Any]], encoder: Encoder, shortener: Shortener, problems: Problems
) -> list[Encoded | None]:
    """Return every row within its limits, or None for a pair that truncation makes identical."""
    encoded = list[Encoded | None]()
    for row, whole in zip(rows, encoder.encode(rows), strict=True):
        try:
            encoded.append(_shorten(whole, shortener))
        except RowError as error:
            problems.add(row["row"], error)
    return encoded


def _shorten(whole: Encoded | RowError, shortener: Shortener) -> Encoded | None:
    if isinstance(whole, RowError):
        raise whole
    if len(whole.responses) > 1 and whole.responses[0] == whole.responses[1]:
        raise RowError("responses", "are the same tokens")
    shortened = shortener.shorten(whole.prompt, whole.responses)
    return shortened and whole._replace(prompt=shortened[0], responses=shortened[1])


def _with_columns(table: Any, rows: list[Encoded | None]) -> Any:
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    table = table.filter(pa.array([row is not None for row in rows]))
    encoded = [row for row in rows if row is not None]
    table = table.append_column("prompt_ids", pa.array([row.prompt for row in encoded], ids))
    table = table.append_column("response_ids", pa.array([row.responses for row in encoded], pa.list_(ids)))
    return table.append_column("response_token_counts", pa.array([row.token_counts for row in encoded], ids))
