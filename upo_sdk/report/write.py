"""Writes ``report.html`` into the folder of a run or of a sweep."""

from __future__ import annotations

import traceback
from contextlib import suppress
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

from upo_sdk.atomic_file import write_atomically
from upo_sdk.errors import OutputError
from upo_sdk.records import RunRecord, SweepRecord
from upo_sdk.report.collect import collect_run

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ERROR_FILE", "REPORT_FILE", "write_report", "write_report_or_warn"]

REPORT_FILE = "report.html"
ERROR_FILE = "report-error.txt"


def write_report(folder: Path) -> Path:
    """Write the report of a run or of a sweep from the files in its folder, and return where it is.

    Raises:
        OutputError: The folder holds neither, or cannot be written.
        DataError: A file in it is not what a run or a sweep writes.
    """
    if (sweep := SweepRecord.find(folder)) is not None:
        from upo_sdk.report.render_sweep import render_sweep  # jinja2, and vl_convert where it draws

        page = render_sweep(sweep, folder)
    elif (folder / RunRecord.FILE).is_file():
        from upo_sdk.report.render import render_run

        page = render_run(collect_run(folder))
    else:
        raise OutputError(
            "the folder holds neither a run nor a sweep",
            where=str(folder),
            fix="give the folder that upo train or upo sweep wrote to",
        )
    _write(folder / REPORT_FILE, page)
    (folder / ERROR_FILE).unlink(missing_ok=True)
    return folder / REPORT_FILE


def write_report_or_warn(folder: Path, warn: Callable[[str], None]) -> None:
    """Write the report of a run or a sweep that just ended; what goes wrong with it never loses that.

    Models and every file that the report reads are there already. A failure becomes a warning, its traceback goes to
    ``report-error.txt``, and ``upo report`` tries again.
    """
    try:
        write_report(folder)
    except Exception as error:  # noqa: BLE001 - a finished run is worth more than the page about it
        with suppress(OSError):
            write_atomically(folder / ERROR_FILE, "".join(traceback.format_exception(error)))
        warn(f"the report could not be written: {error}; nothing else is missing, and {ERROR_FILE} has the traceback")


def _write(path: Path, page: str) -> None:
    try:
        write_atomically(path, page)
    except OSError as error:
        raise OutputError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            fix="make the folder writable, or copy it to a place that is",
        ) from error
