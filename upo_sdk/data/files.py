"""Reading JSON Lines, JSON, CSV and Parquet files row by row, with exact row numbers and one error per cause."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, cast

from upo_sdk.atomic_file import PULL, is_git_lfs_pointer
from upo_sdk.data.problems import RowError, kind_of
from upo_sdk.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from upo_sdk.data.problems import Problems

__all__ = ["SUFFIXES", "Row", "data_suffix", "read_file"]

Row = tuple[int, dict[str, Any]]

_SAVE_AS_UTF8 = "save it as UTF-8, for example: iconv -f latin1 -t utf-8 OLD > NEW"
_COPIED_AT_ONCE = 2**20
_LINE = re.compile(r"[^\r]*\r\n|[^\r]*\r|[^\r]+")
"""Lines may end with a carriage return alone, as old versions of Excel write."""
_LONGEST_CELL = 2**31 - 1
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_file(path: Path, problems: Problems) -> Iterator[Row]:
    """Yield ``(row number, row)``; the number is the line of a JSON Lines file, else the record, both 1-based.

    Rows that cannot be parsed are added to ``problems`` and left out.

    Raises:
        DataError: The file is missing, empty, cut off, or not what its name says.
    """
    if not path.is_file():
        raise _missing(path)
    suffix = data_suffix(path)
    if suffix is None:
        raise DataError(
            "the format of this file is unknown",
            where=str(path),
            fix=f"give it the suffix of its format: {', '.join(SUFFIXES)} (.gz may follow all but .parquet)",
        )
    if path.stat().st_size == 0:
        raise DataError("the file is empty", where=str(path), fix="give a file that has rows")
    if is_git_lfs_pointer(path):
        raise DataError("this is a pointer of Git LFS, not the data", where=str(path), fix=PULL)
    try:
        yield from _READERS[suffix](path, problems)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            "the gzip file is cut off or damaged", where=str(path), fix="copy or download it again; test it: gzip -t"
        ) from error
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(path),
            fix="check the path and its permissions",
        ) from error


def data_suffix(path: Path) -> str | None:
    """Return the suffix that says how to read a file, or None if it is not the name of a data file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None


def _read_json_lines(path: Path, problems: Problems) -> Iterator[Row]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if line.isspace():
                continue
            try:
                yield number, _parse_object(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
            except RowError as error:
                problems.add(number, error)


def _parse_object(line: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(line.decode())
    except UnicodeDecodeError as error:
        raise RowError(None, f"is not valid UTF-8 (byte {error.start + 1} of the line): {_SAVE_AS_UTF8}") from None
    except json.JSONDecodeError as error:
        raise RowError(None, f"is not valid JSON ({error.msg} at character {error.pos + 1})") from None
    except (RecursionError, ValueError):
        raise RowError(None, "is nested too deeply, or holds a number of too many digits") from None
    return _check_object(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RowError(None, f"has the key {_twice(name for name, _ in pairs)} twice")
    return found


def _twice(names: Iterable[str]) -> str:
    return next(repr(name) for name, count in Counter(names).items() if count > 1)


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _check_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RowError(None, f"is {kind_of(value)}, not an object with columns")
    return cast("dict[str, Any]", value)


def _read_json(path: Path, problems: Problems) -> Iterator[Row]:
    with _open(path) as file:
        content = file.read()
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        whole = _only_object(content)
        if whole is None:  # many .json files hold JSON Lines
            yield from _read_json_lines(path, problems)
        else:
            _check_is_row(whole, path)
            yield 1, whole
        return
    try:
        values = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_object)
    except RowError as error:
        raise DataError(f"an object {error.reason}", where=str(path), fix="rename one of the keys") from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the file is not valid {'UTF-8' if isinstance(error, UnicodeDecodeError) else 'JSON'}: {error}",
            where=str(path),
            fix=_SAVE_AS_UTF8
            if isinstance(error, UnicodeDecodeError)
            else "write a list of objects, or one object per line (.jsonl)",
        ) from error
    for number, value in enumerate(values, start=1):
        try:
            yield number, _check_object(value)
        except RowError as error:
            problems.add(number, error)


def _only_object(content: bytes) -> dict[str, Any] | None:
    """Return the object that is all of a file, or None if the file holds anything else, such as one per line."""
    try:
        text = content.decode("utf-8-sig").strip()
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError, RowError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) and end == len(text) else None


def _check_is_row(value: Mapping[str, Any], path: Path) -> None:
    """Check that the object of a file is a row, and not all rows under a key or column by column."""
    as_lines = "write one object per line: df.to_json('data.jsonl', orient='records', lines=True)"
    for key, rows in value.items():
        if _are_rows(rows):
            raise DataError(
                f"the rows are under the key '{key}' of one object",
                where=str(path),
                fix="write only that list into the file",
            )
    parts = list(value.values())
    by_column = all(isinstance(part, Mapping) for part in parts) and len({tuple(part) for part in parts}) == 1
    in_lists = all(isinstance(part, list) and all(isinstance(item, str) for item in part) for part in parts)
    if len(parts) > 1 and (by_column or in_lists):
        raise DataError("the file holds columns, not rows", where=str(path), fix=as_lines)


def _are_rows(value: object) -> bool:
    """Return whether a value is a list of objects that are no messages."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, Mapping) and not item.keys() & {"role", "from", "content", "value"} for item in value)


def _read_csv(path: Path, problems: Problems) -> Iterator[Row]:
    with _open(path) as file:
        reader = csv.DictReader(_lines(file, path), strict=True)
        try:
            _check_header(reader.fieldnames or (), path)
            for number, row in enumerate(_with_long_cells(reader), start=1):
                if None in row:
                    problems.add(number, RowError(None, "has more cells than the header"))
                else:
                    yield number, row
        except csv.Error as error:
            raise DataError(
                f"the file is not valid CSV: {error}",
                where=f"{path}, line {reader.line_num}",
                fix='quote cells that hold line breaks or commas ("..."), or use JSON Lines for long texts',
            ) from error


def _with_long_cells(reader: csv.DictReader[str]) -> Iterator[dict[str | Any, Any]]:
    """Yield records with cells of any length; the limit of the csv module is its process's, so it is put back."""
    while True:
        limit = csv.field_size_limit(_LONGEST_CELL)
        try:
            row = next(reader, None)
        finally:
            csv.field_size_limit(limit)
        if row is None:
            return
        yield row


def _check_header(header: Sequence[str], path: Path) -> None:
    if len(set(header)) < len(header):
        raise DataError(
            f"two columns are called {_twice(header)}",
            where=str(path),
            fix="rename one of them, or leave it out",
        )
    found = [name for mark, name in _SEPARATORS.items() if len(header) == 1 and mark in header[0]]
    if found:
        raise DataError(
            f"the columns seem to be separated by {found[0]}, not by commas: {header[0]}",
            where=str(path),
            fix="save the file with commas, or as JSON Lines",
        )


def _lines(file: IO[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            yield from _LINE.findall(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"the file is not valid UTF-8 (byte {error.start + 1} of the line)",
                where=f"{path}, line {number}",
                fix=_SAVE_AS_UTF8,
            ) from error


def _read_parquet(path: Path, problems: Problems) -> Iterator[Row]:  # noqa: ARG001 - one signature for all readers
    import pyarrow as pa
    from pyarrow import parquet

    try:
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=1000):
            for number, row in enumerate(batch.to_pylist(), start=number + 1):  # noqa: B020 - counts on over batches
                yield number, row
    except pa.ArrowException as error:
        raise DataError(
            f"the file is not valid Parquet: {str(error).splitlines()[0]}", where=str(path), fix="write the file again"
        ) from error


def _open(path: Path) -> IO[bytes]:
    file = cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")  # noqa: SIM115 - the caller closes it
    encoding = json.detect_encoding(file.read(4))
    file.seek(0)
    return _as_utf8(file, path, encoding) if encoding.startswith(("utf-16", "utf-32")) else file


def _as_utf8(file: IO[bytes], path: Path, encoding: str) -> IO[bytes]:
    """Return a temporary file of the same text in UTF-8, whose lines end where they did."""
    copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with file, io.TextIOWrapper(cast("Any", file), encoding=encoding, newline="") as text:
        try:
            while part := text.read(_COPIED_AT_ONCE):
                copy.write(part.encode())
        except UnicodeError as error:
            copy.close()
            raise DataError(
                f"the file looks like {encoding.upper()}, but is not: {error}",
                where=str(path),
                fix=_SAVE_AS_UTF8,
            ) from error
    copy.seek(0)
    return copy


def _missing(path: Path) -> DataError:
    siblings = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    known = f"{did_you_mean(path.name, siblings)}check `data.path`"
    return DataError("there is no such file", where=str(path), fix=known)


_READERS: dict[str, Callable[[Path, Problems], Iterator[Row]]] = {
    ".jsonl": _read_json_lines,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
SUFFIXES = tuple(_READERS)
"""What the name of a data file may end in."""
