"""What a run will do, resolved and checked before any work: ``upo train --dry-run`` shows it."""

from upo_sdk.plan.defaults import with_demo_options
from upo_sdk.plan.memory import MemoryEstimate
from upo_sdk.plan.model import limit_to_positions
from upo_sdk.plan.run_plan import RunPlan, make_plan

__all__ = ["MemoryEstimate", "RunPlan", "limit_to_positions", "make_plan", "with_demo_options"]
