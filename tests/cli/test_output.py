from __future__ import annotations

import pytest
from rich.console import Console

from upo_cli.output import Table


def shown(table: Table, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_columns_that_fit_are_aligned_by_what_a_terminal_shows() -> None:
    table = Table("run", "note", rows=[["日本", "[bold]"], ["a", "b"]])
    assert shown(table, 12) == ["run   note", "日本  [bold]", "a     b"]


@pytest.mark.parametrize(("cell", "width"), [("one two", 6), ("one\ntwo", 40)], ids=["too wide", "two lines"])
def test_a_cell_that_needs_several_lines_stays_in_its_column(cell: str, width: int) -> None:
    assert shown(Table("a", "b", rows=[["x", cell]]), width) == ["a  b", "x  one", "   two"]


def test_a_table_without_rows_is_its_headers() -> None:
    assert shown(Table("a", "b", rows=[]), 40) == ["a  b"]
