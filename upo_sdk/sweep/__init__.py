"""Sweeps: a grid of runs that share scores and reference log-probs, and what it says about the trade-off."""

from upo_sdk.sweep.grid import ObjectiveGrid, parse_objective
from upo_sdk.sweep.points import Grid
from upo_sdk.sweep.runner import PointEnded, PointProgress, PointStarted, SweepCallback, SweepEvent, SweepReady
from upo_sdk.sweep.sweep import SweepConfig, check_points, plan_sweep, resume_sweep, sweep
from upo_sdk.sweep.table import remarks, table_rows

__all__ = [
    "Grid",
    "ObjectiveGrid",
    "PointEnded",
    "PointProgress",
    "PointStarted",
    "SweepCallback",
    "SweepConfig",
    "SweepEvent",
    "SweepReady",
    "check_points",
    "parse_objective",
    "plan_sweep",
    "remarks",
    "resume_sweep",
    "sweep",
    "table_rows",
]
