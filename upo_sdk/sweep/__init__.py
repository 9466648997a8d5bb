"""Sweeps: a grid of runs that share scores and reference log-probs, and what it says about the trade-off."""

from upo_sdk.sweep.events import PointEnded, PointProgress, PointStarted, SweepCallback, SweepEvent, SweepReady
from upo_sdk.sweep.settings import SweepConfig
from upo_sdk.sweep.sweep import plan_sweep, resume_sweep, sweep

__all__ = [
    "PointEnded",
    "PointProgress",
    "PointStarted",
    "SweepCallback",
    "SweepConfig",
    "SweepEvent",
    "SweepReady",
    "plan_sweep",
    "resume_sweep",
    "sweep",
]
