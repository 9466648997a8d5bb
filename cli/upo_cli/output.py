"""What goes to the terminal: results to stdout, everything about the way there to stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_cli.option_names import as_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType

    from upo_sdk.errors import UPOError

__all__ = ["Table", "console", "jsonable", "print_error", "print_json", "say"]

_WIDTH_OF_A_FILE = 200


def console(*, stderr: bool = False) -> Console:
    """Return a console; styled only on a terminal and without NO_COLOR, and not wrapped at 80 columns in pipes."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    made = Console(stderr=stderr, highlight=False, color_system=None if os.environ.get("NO_COLOR") else "auto")
    if not stream.isatty() and not made.is_jupyter:
        made.width = _WIDTH_OF_A_FILE
    return made


def say(text: str, *, style: str | None = None, stderr: bool = False) -> None:
    """Print a text as it is: markup in it means nothing, and the terminal alone breaks its lines."""
    console(stderr=stderr).print(text, style=style, markup=False, soft_wrap=True)


class Table:
    """A table without lines; the cells are plain text, not markup."""

    def __init__(self, *headers: str, rows: Sequence[Sequence[str]]) -> None:
        self._headers, self._rows = headers, rows

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        """Yield whole lines where the columns fit side by side, which is quick, else cells that are wrapped."""
        from rich.cells import cell_len, set_cell_size
        from rich.text import Text

        columns = list(zip(self._headers, *self._rows, strict=True))
        widths = [max(map(cell_len, column)) for column in columns]
        if sum(widths) + 2 * len(widths) - 2 > options.max_width or not "".join(map("".join, columns)).isprintable():
            yield self._wrapped()
            return
        for row, style in ((self._headers, "bold"), *((row, "") for row in self._rows)):
            cells = map(set_cell_size, row, widths)
            yield Text("  ".join(cells).rstrip(), style=style, no_wrap=True)

    def _wrapped(self) -> RenderableType:
        from rich.table import Table as WrappingTable
        from rich.text import Text

        result = WrappingTable(*self._headers, box=None, header_style="bold", pad_edge=False)
        for row in self._rows:
            result.add_row(*map(Text, row))
        return result


def print_json(value: Any) -> None:
    """Write one JSON object to stdout."""
    sys.stdout.write(json.dumps(jsonable(value), indent=2, allow_nan=False) + "\n")


def print_error(error: UPOError, spelled: Callable[[str], str] = as_options) -> None:
    """Write what is wrong, where, and what to type next to stderr."""
    from rich.text import Text

    message = Text.assemble(("error: ", "bold red"), spelled(error.what))
    for name, value in (("where", error.where), ("fix", error.fix)):
        if value:
            message.append(f"\n  {name}: ", "bold")
            message.append(spelled(value))
    console(stderr=True).print(message, soft_wrap=True)


def jsonable(value: Any) -> Any:
    """Return a value as JSON can write it: dataclasses as objects, paths as text, NaN and infinity as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
