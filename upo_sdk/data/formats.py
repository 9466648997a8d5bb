"""Shapes that plugins can read: each turns a raw row into one of the built-in shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.data.problems import RowError, kind_of
from upo_sdk.errors import DataError, did_you_mean
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["BUILTIN_FORMATS", "choose_format", "row_converter"]

BUILTIN_FORMATS = ("pairs", "unpaired")


def choose_format(
    wanted: str | None, formats: Sequence[DatasetFormatSpec], columns: Collection[str]
) -> DatasetFormatSpec | None:
    """Return the plugin's format of that name, or the one whose columns are all there; None for a built-in shape.

    Raises:
        DataError: No format has that name.
    """
    if wanted is None:
        return next((spec for spec in formats if spec.columns and spec.columns <= set(columns)), None)
    if wanted in BUILTIN_FORMATS:
        return None
    known = [*BUILTIN_FORMATS, *(spec.name for spec in formats)]
    if wanted not in known:
        raise DataError(
            f"there is no dataset format '{wanted}'",
            where="`data.format`",
            fix=f"{did_you_mean(wanted, known)}known: {', '.join(known)}",
        )
    return next(spec for spec in formats if spec.name == wanted)


def row_converter(spec: DatasetFormatSpec) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return a function that converts one raw row, raising :class:`RowError` for what the plugin makes of it.

    Raises:
        DataError: The plugin's function cannot be imported.
    """
    try:
        convert: Callable[[Mapping[str, Any]], Any] = load_target(spec.target)
    except Exception as error:
        raise DataError(
            f"the dataset format '{spec.name}' cannot be imported: {type(error).__name__}: {error}", where=spec.target
        ) from error

    def convert_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            converted = convert(row)
        except Exception as error:
            raise RowError(None, f"made the format '{spec.name}' raise {type(error).__name__}: {error}") from error
        if not isinstance(converted, dict):
            raise RowError(None, f"became {kind_of(converted)} in the format '{spec.name}', not columns")
        return converted

    return convert_row
