"""``upo report``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import console, print_json
from upo_cli.shared import Json  # noqa: TC001 - Typer reads the annotations

__all__ = ["app"]

app = typer.Typer()


@app.command("report", cls=StrictCommand)
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN|SWEEP", help="The folder that upo train or upo sweep wrote.")],
    *,
    json: Json = False,
) -> None:
    """Write the HTML report of a run or a sweep again."""
    from upo_sdk.report import write_report

    page = write_report(folder)
    if json:
        print_json({"report": page, "bytes": page.stat().st_size})
        return
    console().print(f"wrote {page} ({page.stat().st_size / 1024:,.0f} KiB); open it in a browser", markup=False)
