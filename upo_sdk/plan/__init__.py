"""What a run will do, resolved and checked before any work: ``upo train --dry-run`` shows it."""

from upo_sdk.plan.run_plan import MemoryEstimate, RunPlan, make_plan, with_builtin_scorer, within_positions

__all__ = ["MemoryEstimate", "RunPlan", "make_plan", "with_builtin_scorer", "within_positions"]
