"""What all records share: frozen, typed, with the version of their form; one writer and one reader for every file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from upo_sdk.atomic_file import write_atomically
from upo_sdk.errors import DataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["FileRecord", "LineRecord", "Record", "now"]


_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class Record(BaseModel):
    """A part of a record. A field that this version does not know is left out when it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        protected_namespaces=(),
        validate_by_name=True,
        validate_by_alias=True,
        defer_build=True,
    )


class _Versioned(Record):
    """A record with a field ``schema_version``, the version of its form; :meth:`upgrade` reads earlier ones."""

    @classmethod
    def upgrade(cls, values: dict[str, Any], version: int) -> dict[str, Any]:
        """Return the values of an earlier version in the form of this one."""
        del version
        return values

    @classmethod
    def _upgraded(cls, values: dict[str, Any], version: int, place: str) -> dict[str, Any]:
        try:
            return cls.upgrade(values, version)
        except KeyError as error:
            raise _damaged(f"{error.args[0]}: the key is missing", place) from error
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise _damaged(f"a value has the wrong type: {error}", place) from error

    @classmethod
    def _parse(cls, text: str | bytes, place: str) -> Self:
        try:
            found = _JSON.validate_json(text)
        except ValueError as error:
            raise _damaged("it is not JSON, or was cut off", place) from error
        if not isinstance(found, dict):
            raise _damaged("it holds no JSON object", place)
        values = cast("dict[str, Any]", found)
        newest = int(cls.model_fields["schema_version"].default)
        version = values.get("schema_version", 1)
        if not isinstance(version, int):
            raise _damaged(f"schema_version: {version!r} is not a whole number", place)
        if version > newest:
            raise DataError(
                f"the file was written by a newer version of UPO SDK: its schema_version is {version}, and this one "
                f"reads up to {newest}",
                where=place,
                fix="update: pip install -U upo-sdk",
            )
        if version < newest:
            values = {**cls._upgraded(values, version, place), "schema_version": newest}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise _damaged(f"{key}: {first['msg']}" if key else first["msg"], place) from error


class FileRecord(_Versioned):
    """A record that is a file of its own, ``FILE`` in its folder."""

    FILE: ClassVar[str]
    MISSING: ClassVar[tuple[str, str]]
    """What is wrong with a folder without the file, and what to do."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the record of a folder.

        Raises:
            OutputError: The folder has none.
            DataError: The file is damaged, or a newer version wrote it.
        """
        found = cls.find(folder)
        if found is None:
            what, fix = cls.MISSING
            raise OutputError(what, where=str(folder / cls.FILE), fix=fix)
        return found

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Read the record of a folder; None if it has none.

        Raises:
            DataError: The file is damaged, or a newer version wrote it.
        """
        path = folder / cls.FILE
        try:
            return cls._parse(path.read_bytes(), str(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _damaged(error.strerror or str(error), str(path)) from error

    @classmethod
    def find_readable(cls, folder: Path) -> Self | None:
        """Read the record of a folder; None if it has none that can be read."""
        try:
            return cls.find(folder)
        except DataError:
            return None

    def save(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, ensure_ascii=False, allow_nan=False)
        write_atomically(folder / self.FILE, text + "\n")


class LineRecord(_Versioned):
    """A record that is one line of a file."""

    APPENDED: ClassVar[bool] = False
    """Whether lines are appended one by one, so that a kill may cut off the last one, which is then left out."""

    @classmethod
    def load_lines(cls, path: Path) -> tuple[Self, ...]:
        """Read all lines of a file; none if there is no such file.

        Raises:
            DataError: A line is damaged, or a newer version wrote it.
        """
        try:
            lines = path.read_bytes().rstrip(b"\n").split(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise _damaged(error.strerror or str(error), str(path)) from error
        whole = lines[:-1] if cls.APPENDED and not _is_json(lines[-1]) else lines
        return tuple(
            cls._parse(line, f"{path}, line {number}") for number, line in enumerate(whole, start=1) if line.strip()
        )

    def line(self) -> str:
        """Return the record as a line, with its end."""
        return self.model_dump_json(by_alias=True) + "\n"

    @staticmethod
    def save_lines(path: Path, records: Iterable[LineRecord]) -> None:
        """Write a file of lines, whole or not at all."""
        write_atomically(path, "".join(record.line() for record in records))


def now() -> str:
    """Return the time, UTC, to the second, as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_json(text: bytes) -> bool:
    try:
        _JSON.validate_json(text)
    except ValueError:
        return False
    return True


def _damaged(problem: str, place: str) -> DataError:
    return DataError(
        f"the file cannot be read: {problem}", where=place, fix="run again what wrote it, or restore it from a copy"
    )
