"""``python -m benchmarks.margins``: a table of model families, the layout that auto takes, the largest margin of each.

Every model is made from a configuration, random and tiny. ``--write`` puts the table into the documentation.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from transformers.utils import logging

from benchmarks.margins.families import FAMILIES, make_model
from benchmarks.margins.measure import LAYOUTS, Measured, measure

LIMIT = 1e-3
"""Nats: what a margin must stay below."""
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "layouts.md"
_BEGIN, _END = "<!-- table of benchmarks.margins -->", "<!-- end of the table -->"


def row(name: str, measured: Measured) -> str:
    """Return a line of the table."""
    cells = [f"{margin:.0e}" if margin is not None else "–" for margin in measured.margins.values()]
    return f"| {name} | {measured.auto} | {' | '.join(cells)} |"


def table(lines: list[str], left_out: list[str]) -> str:
    """Return the table with its head, and what could not be measured."""
    head = f"| family | auto | {' | '.join(LAYOUTS)} |\n|---|---|{'---|' * len(LAYOUTS)}"
    return "\n".join([head, *lines, *(["", *left_out] if left_out else [])])


def main() -> int:
    """Measure, print, and return 1 if any margin is not below the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", help="some of the families; all by default")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/reference/{PAGE.name}")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    torch.set_num_threads(1)  # more would wait for each other in models so small
    with TemporaryDirectory() as cache:
        os.environ["UPO_CACHE_DIR"] = cache
        start = time.perf_counter()
        lines, left_out, worst = _measured(arguments.families or list(FAMILIES))
    print(*left_out, sep="\n")
    print(
        f"{len(lines)} families in {time.perf_counter() - start:.0f} s; largest margin {worst:.1e} nats, limit {LIMIT}"
    )
    if arguments.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(_BEGIN)
        after = rest.split(_END)[1]
        PAGE.write_text(f"{before}{_BEGIN}\n\n{table(lines, left_out)}\n\n{_END}{after}", encoding="utf-8")
    return int(worst >= LIMIT)


def _measured(names: list[str]) -> tuple[list[str], list[str], float]:
    lines, left_out, worst = list[str](), list[str](), 0.0
    for name in names:
        try:
            measured = measure(make_model(name))
        except Exception as error:  # noqa: BLE001 - a family that cannot be built is a line of the table
            left_out.append(f"Not measured: {name}: {type(error).__name__}: {error}")
            continue
        lines.append(row(name, measured))
        print(lines[-1], flush=True)
        worst = max(worst, *(margin for margin in measured.margins.values() if margin is not None))
    return lines, left_out, worst


if __name__ == "__main__":
    sys.exit(main())
