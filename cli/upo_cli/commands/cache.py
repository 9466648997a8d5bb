"""``upo cache``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.boundary import StrictCommand, UsageError
from upo_cli.output import Table, console, print_json, say
from upo_cli.shared import SPELLINGS, Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.cache import CacheInfo

__all__ = ["app"]

_UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SECONDS = {"H": 3600, "D": 86400, "W": 7 * 86400}

app = typer.Typer(name="cache", no_args_is_help=True)


@app.command("info", cls=StrictCommand)
def info(*, json: Json = False) -> None:
    """Show the cache's folder, and the size of each part."""
    from upo_sdk.cache import cache_info

    found = cache_info()
    print_json(_described(found)) if json else _show(found)


@app.command("prune", cls=StrictCommand, context_settings=SPELLINGS)
def prune(
    *,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", metavar="AGE", help="Remove entries not used for this long, for example 30d or 12h."
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            "--max-size",
            metavar="SIZE",
            help="Remove the least recently used entries until this size is left, for example 2GB.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Remove entries that were not used for a long time. They are computed again when needed.

    Nothing is removed while a run, an evaluation or a sweep uses the cache.
    """
    from upo_sdk.cache import prune_cache

    if older_than is None and max_size is None:
        raise UsageError(
            "no limit is given",
            where="upo cache prune",
            fix="give --older-than 30d, --max-size 2GB, or both",
        )
    limits: dict[str, float] = {}
    if older_than is not None:
        limits["older_than"] = _number(older_than, _SECONDS, "D", "--older-than", "an age, for example 30d, 12h or 2w")
    if max_size is not None:
        limits["max_size"] = _number(max_size, _UNITS, "B", "--max-size", "a size, for example 500MB or 2GB")
    pruned = prune_cache(**limits)
    if json:
        removed = {"entries": pruned.entries, "files": pruned.files, "freed_bytes": pruned.bytes}
        print_json({**removed, "left": _described(pruned.left)})
        return
    say(
        f"removed {pruned.entries:,} entries and {pruned.files:,} files: {_size(pruned.bytes)} freed, "
        f"{_size(pruned.left.bytes)} left in {pruned.left.folder}"
    )


def _show(found: CacheInfo) -> None:
    say(f"{found.folder}: {_size(found.bytes)}")
    rows = [[part.name, f"{part.count:,}", _size(part.bytes)] for part in found.parts]
    console().print(Table("part", "count", "size", rows=rows))


def _described(found: CacheInfo) -> dict[str, object]:
    return {"folder": found.folder, "bytes": found.bytes, "parts": found.parts}


def _number(text: str, units: Mapping[str, float], plain: str, option: str, form: str) -> float:
    """Return a number with a unit in the smallest one; ``plain`` is the unit of a number alone."""
    read = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip())
    unit = units.get(read[2].upper() or plain) if read else None
    if read is None or unit is None:
        raise UsageError(f"'{text}' cannot be read", where=option, fix=f"give {form}")
    return float(read[1]) * unit


def _size(count: int) -> str:
    for unit in ("GB", "MB", "kB"):
        if count >= _UNITS[unit.upper()]:
            return f"{count / _UNITS[unit.upper()]:,.1f} {unit}"
    return f"{count} B"
