"""``python -m benchmarks.throughput``: see the package's docstring."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from benchmarks import throughput
from benchmarks.throughput.growth import AXES, measure_growth
from benchmarks.throughput.measure import Case, run_rounds
from benchmarks.throughput.report import write_report
from benchmarks.throughput.sides import SIDES
from benchmarks.throughput.sizes import SIZES

QUICK = Case(size="1M", shape="48/16", steps=4, skip=2, vocabulary=2000)


def main() -> None:
    """Measure, then report on everything that the output folder holds."""
    arguments = _parse()
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        key: yaml.safe_load(value) for key, value in (item.split("=", 1) for item in arguments.set)
    }
    if arguments.quick:
        run_rounds(QUICK, [["trl-best-head"], ["dpo-same-batches"], ["upo"]], 1, output, settings=settings)
    elif arguments.what == "compare":
        for size in arguments.size:
            for shape in arguments.shape:
                case = Case(
                    size=size,
                    shape=shape,
                    steps=arguments.steps,
                    skip=arguments.skip,
                    batch_size=arguments.batch_size,
                    threads=arguments.threads,
                )
                run_rounds(
                    case,
                    [arguments.side] if arguments.step_by_step else [[side] for side in arguments.side],
                    arguments.rounds,
                    output,
                    human=arguments.human,
                    settings=settings,
                    first=arguments.first_round,
                )
    elif arguments.what == "growth":
        measure_growth(output, arguments.size[0], arguments.axis, arguments.side, arguments.rounds, settings)
    print(write_report(output))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=throughput.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", default="compare", choices=["compare", "growth", "report"])
    parser.add_argument("--quick", action="store_true", help="a tiny model, three sides, one round")
    parser.add_argument("--output", type=Path, default=Path("throughput"), help="folder of measurements and results")
    parser.add_argument("--size", nargs="+", default=["20M"], choices=SIZES)
    parser.add_argument("--shape", nargs="+", default=["256/64", "64/256"], help="PROMPT/RESPONSE tokens, or human")
    parser.add_argument("--human", type=Path, help="JSON lines with prompt, chosen, rejected, for the shape 'human'")
    parser.add_argument("--side", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--axis", nargs="+", default=list(AXES), choices=AXES)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--skip", type=int, default=2, help="steps that warm up and are not counted")
    parser.add_argument("--batch-size", type=int, default=4, help="pairs per step")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--first-round", type=int, help="add to rounds that earlier calls began; default: new ones")
    parser.add_argument("--step-by-step", action="store_true", help="all sides at once, taking turns after every step")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings of ours under 'training'")
    return parser.parse_args()


if __name__ == "__main__":
    main()
