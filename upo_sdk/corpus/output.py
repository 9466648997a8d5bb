"""The rows of the source with the rewards as further columns: a JSON Lines or Parquet file, whole or not at all."""

from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.atomic_file import check_takes_files, whole_file
from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.paths import only_path
from upo_sdk.data.problems import Problems
from upo_sdk.data.source import read_rows
from upo_sdk.errors import DataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from datasets import Dataset

    from upo_sdk.arrays import IntArray
    from upo_sdk.config import DataConfig

__all__ = ["SUFFIXES", "Row", "check_output", "parquet_schema", "read_source", "row_numbers", "write_rows"]

Row = dict[str, Any]

SUFFIXES = (".jsonl", ".parquet")
"""What the name of the output may end in."""

_BLOCK = 1000
_ROW_GROUP = 10_000


def check_output(path: Path, data: DataConfig, *, overwrite: bool) -> None:
    """Check before any work that the file can be written.

    Raises:
        OutputError: It has another suffix, exists, is the corpus itself, or its folder cannot be written.
    """
    if path.suffix not in SUFFIXES:
        raise OutputError(
            "the format of the output is unknown",
            where=str(path),
            fix=f"give it one of the suffixes {' and '.join(SUFFIXES)}: `output=scored.jsonl`",
        )
    source = Path(corpus_path(data)).expanduser()
    if path.exists() and source.exists() and path.samefile(source):
        raise OutputError("the output is the corpus itself", where=str(path), fix="choose another `output`")
    if path.exists() and (path.is_dir() or not overwrite):
        raise OutputError(
            "the output exists", where=str(path), fix="choose another `output`, or replace it: `overwrite_output=true`"
        )
    check_takes_files(path.parent, "output")


def corpus_path(data: DataConfig) -> str:
    """Return the one source of a corpus.

    Raises:
        ConfigError: There are several.
    """
    return only_path(data.sources, why="one source is scored at a time")


def row_numbers(rows: Dataset) -> IntArray:
    """Return the numbers that normalised rows have in their source, ascending."""
    return np.fromiter((row["row"] for row in read_rows_of(rows, "row")), np.int64, len(rows))


def read_source(data: DataConfig, rows_R: IntArray) -> Iterator[Row]:
    """Yield some rows as the source has them, one at a time.

    Args:
        data: The source.
        rows_R: Their numbers in it, ascending.

    Raises:
        DataError: The source no longer has them all.
    """
    wanted = iter(rows_R.tolist())
    number = next(wanted, None)
    path = corpus_path(data)
    for found, row in read_rows(path, data.split, Problems(path, drop=True)):
        if number is None:
            return
        if found == number:
            yield row
            number = next(wanted, None)
    if number is not None:
        raise DataError("the data changed while it was scored", where=path, fix="run the same command again")


def write_rows(path: Path, rows: Iterable[Row], schema: Any, check: Callable[[], None]) -> None:
    """Write a file beside its place, and rename it once it is whole.

    Args:
        path: Its folder is created.
        rows: Read once.
        schema: The types of a Parquet file's columns.
        check: Called before the renaming, for what others may have done meanwhile.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as beside:
            _write_json_lines(beside, rows) if schema is None else _write_parquet(beside, rows, schema)
            check()
    except OSError as error:
        raise OutputError(
            f"the output cannot be written: {error.strerror or error}", where=str(path), fix="choose another `output`"
        ) from error


def _write_json_lines(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_line(row) for row in rows)


def _line(row: Row) -> str:
    line = json.dumps(row, ensure_ascii=False, default=str)
    try:
        line.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can hold
        line = json.dumps(row, default=str)
    return f"{line}\n"


def _write_parquet(path: Path, rows: Iterable[Row], schema: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetWriter(path, schema) as writer:
        for block in _blocks(rows, _ROW_GROUP):
            writer.write_table(pa.Table.from_pylist(block, schema))


def parquet_schema(rows: Iterable[Row], data: DataConfig, rewards: Mapping[str, bool]) -> Any:
    """Return the types of the columns of a Parquet file: a Parquet source keeps its own, others get their values'.

    Args:
        rows: All rows of the source.
        data: The source.
        rewards: The columns to add, and whether each has a list of two numbers instead of one.

    Raises:
        DataError: A column has values of several types, or of one that Parquet lacks.
    """
    import pyarrow as pa
    from pyarrow import parquet

    source = Path(corpus_path(data)).expanduser()
    try:
        schema = parquet.read_schema(source) if source.suffix.lower() == ".parquet" else _inferred(rows)
        for name, both in rewards.items():
            schema = schema.append(pa.field(name, pa.list_(pa.float64()) if both else pa.float64()))
        parquet.ParquetWriter(pa.BufferOutputStream(), schema).close()
    except pa.ArrowException as error:
        raise DataError(
            f"a Parquet file cannot hold these rows: {str(error).splitlines()[0]}",
            where=str(source),
            fix="give every column one type in all rows, or write JSON Lines: `output=scored.jsonl`",
        ) from error
    return schema


def _inferred(rows: Iterable[Row]) -> Any:
    import pyarrow as pa

    schema = pa.schema([])
    for block in _blocks(rows, _BLOCK):
        names = dict.fromkeys(chain.from_iterable(block))
        found = pa.table({name: [row.get(name) for row in block] for name in names}).schema
        schema = pa.unify_schemas([schema, found], promote_options="permissive")
    return schema


def _blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    remaining = iter(rows)
    return iter(lambda: list(islice(remaining, size)), [])
