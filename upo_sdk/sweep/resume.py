"""Compares the requested grid with the sweep in the folder, and returns the points of the resumed sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.config.files import flattened
from upo_sdk.errors import OutputError
from upo_sdk.records import SweepPoint
from upo_sdk.sweep.points import point_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


__all__ = ["continued"]

_NAMED = 5


def continued(planned: Sequence[SweepPoint], recorded: Sequence[SweepPoint], folder: Path) -> tuple[SweepPoint, ...]:
    """Return the planned points; those that are recorded keep their name, folder and results.

    A point is recognised by its settings, not by its name, so that another axis may be added to the grid. What was
    running, cancelled or failed is pending again.

    Raises:
        OutputError: A recorded point is not planned.
    """
    known = {point.fingerprint: point for point in recorded}
    missing = known.keys() - {point.fingerprint for point in planned}
    if missing:
        raise _changed([point for point in recorded if point.fingerprint in missing], planned, folder)
    taken = [point.name for point in recorded]
    result = list[SweepPoint]()
    for point in planned:
        before = known.get(point.fingerprint)
        result.append(_as_before(point, before) if before else _renamed(point, taken))
        taken.append(result[-1].name)
    return tuple(result)


def _as_before(point: SweepPoint, before: SweepPoint) -> SweepPoint:
    kept = before.model_copy(update={"row": point.row, "values": point.values, "pareto": None})
    return kept if kept.status == "done" else kept.model_copy(update={"status": "pending", "failure": None})


def _renamed(point: SweepPoint, taken: Sequence[str]) -> SweepPoint:
    name = point_name(point.values, taken)
    if name == point.name:
        return point
    command = point.command.replace(f"rerun/{point.name}", f"rerun/{name}")
    return point.model_copy(update={"name": name, "folder": f"points/{name}", "command": command})


def _changed(missing: Sequence[SweepPoint], planned: Sequence[SweepPoint], folder: Path) -> OutputError:
    names = ", ".join(point.name for point in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    alike = next((point for point in planned if point.values == missing[0].values), None)
    why = f" ({_difference(missing[0].config, alike.config)})" if alike else ""
    return OutputError(
        f"the folder's sweep has points that are not in this grid: {names}{more}{why}",
        where=str(folder),
        fix=f"only points may be added. Resume it with its own grid (resume_sweep, or upo sweep --resume {folder}), "
        "choose another `output_dir`, or start again with `overwrite=true`",
    )


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    old, new = flattened(before), flattened(now)
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    shown = [f"{key} was {old.get(key, 'not set')} and is {new.get(key, 'not set')}" for key in changed[:_NAMED]]
    return "; ".join(shown)
