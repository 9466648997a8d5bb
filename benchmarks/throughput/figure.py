"""The figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.throughput.sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["draw_cases", "draw_growth"]

THEIRS, OURS = "0.65", "tab:blue"


def draw_cases(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw speed and memory of every side, a row of axes per case; lines are the range over rounds."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        len(results), 2, squeeze=False, figsize=(11, 0.6 + 2.2 * len(results)), layout="constrained"
    )
    for row, result in zip(axes, results, strict=True):
        names = list(result["sides"])
        for axis, measure, label in zip(
            row, ("pairs_per_second", "growth_mb"), ("pairs per second", "MB over the loaded process"), strict=True
        ):
            found = [result["sides"][name][measure] for name in names]
            middle = [one["median"] for one in found]
            whiskers = [
                [one["median"] - one["low"] for one in found],
                [one["high"] - one["median"] for one in found],
            ]
            colours = [OURS if SIDES[name].objectives else THEIRS for name in names]
            axis.barh([SIDES[name].title for name in names], middle, xerr=whiskers, color=colours)
            axis.invert_yaxis()
            axis.set_xlabel(label)
        row[0].set_title(f"{result['size']}, {result['shape']}", loc="left")
        row[1].set_yticklabels([])
    figure.savefig(path)
    plt.close(figure)


def draw_growth(growth: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path) -> None:
    """Draw time and memory over every axis, both logarithmic."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(growth), squeeze=False, figsize=(3 * len(growth), 5.5), layout="constrained")
    for column, (name, sides) in enumerate(growth.items()):
        for axis, measure, label in zip(
            axes[:, column], ("seconds", "growth_mb"), ("seconds", "MB over the loaded process"), strict=True
        ):
            for side, curves in sides.items():
                values = sorted((float(value), found) for value, found in curves[measure].items())
                axis.loglog(*zip(*values, strict=True), "o-", label=SIDES[side].title)
            axis.set_xlabel(name)
            axis.set_ylabel(label)
    axes[0, 0].legend(fontsize="x-small")
    figure.savefig(path)
    plt.close(figure)
