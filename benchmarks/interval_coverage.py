"""How often 95 % intervals miss: python benchmarks/interval_coverage.py; the table of docs/reference/evaluation.md.

Each line is a distribution of what is averaged over prompts, with a known mean. A miss of a paired difference without
an effect is a false alarm: "rose" or "fell" where nothing happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import Estimate
from upo_sdk.statistics import Sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Draw = Callable[[Generator, int], NDArray[np.float64]]

TRIES, RESAMPLES, COUNTS = 2000, 1000, (1, 2, 3, 5, 10, 20, 64)


def near_ceiling(rng: Generator, count: int) -> NDArray[np.float64]:
    """Differences of rewards that are often exactly 1, three in ten answers being the same word for word."""
    before, after = (np.minimum(1, rng.beta(6, 0.5, count) + 0.02) for _ in range(2))
    same = rng.random(count) < 0.3  # noqa: PLR2004
    after[same] = before[same]
    return after - before


DRAWS: dict[str, Draw] = {
    "differences, normal": lambda rng, count: rng.normal(size=count),
    "differences, rewards near 1 with ties": near_ceiling,
    "differences, yes or no at .5": lambda rng, count: 1.0 * (rng.random(count) < 0.5) - (rng.random(count) < 0.5),  # noqa: PLR2004
    "differences, yes or no at .1": lambda rng, count: 1.0 * (rng.random(count) < 0.1) - (rng.random(count) < 0.1),  # noqa: PLR2004
    "means, skewed (Beta(.5, 6))": lambda rng, count: rng.beta(0.5, 6, count) - 0.5 / 6.5,
    "means, yes or no at .1": lambda rng, count: (rng.random(count) < 0.1) - 0.1,  # noqa: PLR2004
}


def students(values: NDArray[np.float64], _: Generator) -> tuple[float, float] | None:
    """Return the SDK's interval."""
    return Sums.grouped(values, 1).estimate.interval


def percentile(values: NDArray[np.float64], rng: Generator) -> tuple[float, float]:
    """Return what it was before: the percentile bootstrap."""
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def misses(draw: Draw, count: int, method: Callable[..., tuple[float, float] | None]) -> str:
    """Return how many intervals in a hundred leave out 0, the true mean."""
    rng = np.random.default_rng(count)
    found = [method(draw(rng, count), rng) for _ in range(TRIES)]
    if found[0] is None:
        return "–"
    return f"{100 * sum(not (ends[0] <= 0 <= ends[1]) for ends in found if ends) / TRIES:.0f}"


def main() -> None:
    """Print the table."""
    print("| misses in 100 |", " | ".join(f"n = {count}" for count in COUNTS), "|")
    print("|---|" + "---|" * len(COUNTS))
    for name, draw in DRAWS.items():
        for kind, method in (("Student's t", students), ("percentile bootstrap", percentile)):
            cells = " | ".join(misses(draw, count, method) for count in COUNTS)
            print(f"| {name}: {kind} | {cells} |", flush=True)
    print(f"\nNo verdict is given below n = {Estimate.ENOUGH}.")


if __name__ == "__main__":
    main()
