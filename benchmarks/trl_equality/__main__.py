"""``python -m benchmarks.trl_equality``: see the package's docstring."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks import trl_equality
from benchmarks.trl_equality.cases import CASES
from benchmarks.trl_equality.compare import TOLERANCE, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.trl_equality.cases import Case
    from benchmarks.trl_equality.compare import Comparison


def page(rows: Sequence[tuple[Case, Comparison]], seeds: int) -> str:
    """Return the table as a page of the documentation."""
    lines = [
        f"| `{case.objective}` | {found.loss:.3g} | {found.loss_error:.0e} "
        f"| {found.slope:.2g} | {found.slope_error:.0e} |"
        for case, found in rows
    ]
    return _PAGE.format(
        trl=version("trl"), torch=torch.__version__.partition("+")[0], seeds=seeds, rows="\n".join(lines)
    )


_PAGE = """# Equality with TRL

The offline preference losses of TRL {trl}, against TRL's own code on the same random log-probs (fp32, 8 pairs of 1 to
12 tokens): the loss, the largest component of its gradient by the log-probs, and the absolute errors of ours; each the
largest of {seeds} draws. Measured with torch {torch} on a CPU by `python -m benchmarks.trl_equality`; the extra `peer`
installs TRL.

| objective | loss | error | gradient | error |
|---|---|---|---|---|
{rows}

What to know when you come from TRL:

- `use_weighting` is compared with TRL's weight alignment held at nothing (`Σ p² = 1`): ours is the paper's equation 2
  without it.
- `sft`, `cpo` and `orpo` average the likelihood over each response's tokens first by default (`average=response`);
  TRL averages over all tokens of the batch (`average=batch`, compared here).
- TRL's ORPO counts the prompt's tokens in the likelihood; ours never does. The comparison has prompts of one token.
- `label_smoothing` of `sigmoid`, `sigmoid_norm` and `hinge` is ours: TRL {trl} reads it for `robust`, `exo_pair`, `aot`
  and `aot_unpaired` only.
- TRL's `bco_pair` has no reward shift, and so has ours. BCO on unpaired data needs a running mean of the rewards,
  which an objective cannot keep between batches; it is not included. Neither is AlphaPO (`alpha` of TRL's CPO).
- `aot` and `aot_unpaired` sort within the batch of one device, in TRL as here: how rows are split changes the loss.
"""


def main() -> None:
    """Print the table, write it where asked, and fail if a loss differs."""
    parser = argparse.ArgumentParser(
        description=trl_equality.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    rows = [(case, compare(case, range(arguments.seeds))) for case in CASES]
    text = page(rows, arguments.seeds)
    print(text)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    if any(found.error > TOLERANCE for _, found in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
