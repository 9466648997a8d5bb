"""From normalised rows to token ids: chat template, one BOS, one EOS, truncation; nothing is changed silently."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from upo_sdk.cache import cache_folder, content_key, read_or_make
from upo_sdk.data.columns import content_name, read_table, read_tables
from upo_sdk.data.encoding import Encoder
from upo_sdk.data.findings import count_findings
from upo_sdk.data.problems import BadRow, parts_of, problems_of
from upo_sdk.data.shortening import TokenColumns
from upo_sdk.data.truncation import Limits, TruncationReport
from upo_sdk.errors import DataError
from upo_sdk.isolation import hidden_progress_bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.records import DataFinding

__all__ = ["Tokenized", "largest_token_id", "tokenize"]

_BATCH_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class Tokenized:
    """Token ids and what was changed to make them.

    Attributes:
        dataset: The rows with the columns of :class:`~upo_sdk.data.shortening.TokenRow`, memory-mapped;
            ``response_trained`` is there only if some row has it.
        report: What was truncated.
        findings: Where data, scores and what is learned differ.
        bad_rows: What is left out because it cannot be used.
    """

    dataset: Dataset
    report: TruncationReport
    findings: tuple[DataFinding, ...]
    bad_rows: tuple[BadRow, ...]


def tokenize(
    data: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    max_prompt_length: int | None,
    on_date: date | None = None,
    drop: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tokenized:
    """Tokenise and truncate every row, or read what an earlier call made of the same rows with an equal tokenizer.

    Prompt and response are tokenised together, so that tokens at the boundary are those of the whole text; where they
    merge, the boundary moves back to the last token that the prompt and all its responses agree on. Every response
    ends in exactly one EOS unless truncation cut it off. An empty prompt becomes the single token BOS, else EOS. A pair
    that truncation makes identical teaches nothing: it is left out and counted in the report, and so is a conversation
    whose last turn is too long.

    Args:
        data: A part of :class:`PreferenceData`.
        tokenizer: The policy's.
        max_length: Tokens of prompt and response together, at least two.
        max_prompt_length: Tokens of the prompt, or None.
        on_date: What a chat template that writes the date takes for today; what it writes is part of the tokens.
        drop: Rows that cannot be used are left out, unless there is no other.
        on_progress: Called with the rows done and their total.

    Raises:
        DataError: Conversations cannot be rendered, a response has no tokens, or both responses of a pair are the
            same tokens; all such rows are counted. Or no row is left.
        ModelError: The data are conversations and the tokenizer has no chat template.
    """
    conversational = "prompt_messages" in data.column_names
    encoder = Encoder(tokenizer, conversational=conversational, on_date=on_date)
    limits = Limits(max_length=max_length, max_prompt_length=max_prompt_length)
    fingerprint = content_key(
        "tokens",
        5,
        content_name(data),
        _content_sha256(tokenizer),
        max_length,
        max_prompt_length,
        encoder.template and encoder.template.on_date,
        drop,
    ).hex()

    def make(path: Path) -> None:
        with hidden_progress_bars("datasets"):
            data.with_format("arrow").map(
                TokenColumns(encoder, limits, problems_of(data, drop=drop), len(data), on_progress),
                batched=True,
                batch_size=_BATCH_ROWS,
                load_from_cache_file=False,
                cache_file_name=str(path),
                new_fingerprint=fingerprint,  # or datasets pickles the tokenizer to make one, and warns where it cannot
            )

    path = cache_folder("tokens") / f"{fingerprint}.arrow"
    dataset = read_or_make(path, partial(_read, rows=len(data), fingerprint=fingerprint), make)
    dataset.info.description = data.info.description
    used, bad_rows = _without_bad_rows(dataset) if drop else (dataset, ())
    return _counted(used, limits, bad_rows, conversational=conversational)


def _read(path: Path, *, rows: int, fingerprint: str) -> Dataset:
    from datasets import Dataset

    dataset = Dataset(Dataset.from_file(str(path)).data, fingerprint=fingerprint)
    if len(dataset) != rows:
        msg = f"{len(dataset)} of {rows} rows"
        raise ValueError(msg)
    return dataset


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


def _without_bad_rows(dataset: Dataset) -> tuple[Dataset, tuple[BadRow, ...]]:
    """Return the rows that can be used, and what is wrong with the others."""
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    table = read_table(dataset, "row", "bad")
    bad_rows = [(row["row"], row["bad"]) for row in table.filter(pc.is_valid(table["bad"])).to_pylist()]
    if not bad_rows:
        return dataset, ()
    used = dataset.select(np.flatnonzero(pc.is_null(table["bad"])))
    parts = parts_of(dataset)
    return used, tuple(
        BadRow(source, parts.locate(row)[1], column or None, reason) for row, (source, column, reason) in bad_rows
    )


def _counted(dataset: Dataset, limits: Limits, bad_rows: tuple[BadRow, ...], *, conversational: bool) -> Tokenized:
    """Leave out the rows that teach nothing, and count what is different from the data."""
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    names = ("row", "prompt_lost", "responses_lost", "identical", "needed_length", "response_trained", "findings")
    table = read_table(dataset, *names)
    identical_R, prompt_lost_R, needed_R = (
        table[name].to_numpy() for name in ("identical", "prompt_lost", "needed_length")
    )
    lost_N = pc.list_flatten(table["responses_lost"]).to_numpy()
    report = TruncationReport(
        rows=len(dataset),
        responses=len(lost_N),
        prompts_shortened=int((prompt_lost_R > 0).sum()),
        responses_shortened=int((lost_N > 0).sum()),
        tokens_dropped=int(prompt_lost_R.sum() + lost_N.sum()),
        pairs_left_out=int(identical_R.sum()),
        rows_left_out=int((needed_R > 0).sum()),
        fix=limits.fix(int(needed_R.max())),
        conversational=conversational,
    )
    left_out_R = identical_R | (needed_R > 0)
    if left_out_R.all():
        raise _nothing_left(report, limits)
    if table["response_trained"].null_count == len(table):
        dataset = dataset.remove_columns("response_trained")
    if left_out_R.any():
        dataset = dataset.select(np.flatnonzero(~left_out_R))
    with_findings = table.filter(pc.is_valid(table["findings"])).select(["row", "findings"])
    found = ((row["row"], row["findings"]) for row in with_findings.to_pylist())
    findings = count_findings(found, report.rows, parts_of(dataset))
    return Tokenized(dataset=dataset, report=report, findings=findings, bad_rows=bad_rows)


def _nothing_left(report: TruncationReport, limits: Limits) -> DataError:
    if not report.rows_left_out:
        return DataError(
            f"all {report.rows:,} pairs become identical once truncated",
            where=f"`data.max_length={limits.max_length}`",
            fix="raise `data.max_length`",
        )
    return DataError(
        f"no row is left: in {report.rows_left_out:,} of {report.rows:,} rows, system message and last turn of the "
        "prompt leave no room for a response",
        where=limits.describe(),
        fix=f"{report.fix} would fit all of them, if the model has so many positions",
    )
