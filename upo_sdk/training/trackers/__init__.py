"""Trackers: transformers' own callbacks, with the same names in all, files in the run folder, and no questions."""

from upo_sdk.training.trackers.names import TRACKERS, check_trackers
from upo_sdk.training.trackers.tracking import Tracking

__all__ = ["TRACKERS", "Tracking", "check_trackers"]
