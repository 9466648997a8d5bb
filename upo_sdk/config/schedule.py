"""How the weight of an objective changes over a run: a function of the optimizer step alone, so a run can resume."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from upo_sdk.errors import ObjectiveRefError, did_you_mean

__all__ = ["Schedule"]

_FORM = re.compile(r"\s*(\w+)\s*\(([^()]*)\)\s*")
_STEPS = {"linear": ("FROM", "TO"), "cosine": ("FROM", "TO"), "step": ("AT",)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The factor of a weight after ``t`` optimizer steps; ``t`` is 0 in the first step.

    ``linear`` and ``cosine`` rise from 0 at ``start`` to 1 at ``end`` and stay there; with ``end`` before ``start``
    they fall from 1 at ``end`` to 0 at ``start``. ``step`` jumps from 0 to 1 at ``start``, which is also its ``end``.
    With ``x = clamp((t − start)/(end − start), 0, 1)`` the factor is ``x`` (linear) or ``(1 − cos πx)/2`` (cosine).
    """

    kind: Literal["linear", "cosine", "step"]
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read ``linear(0,500)``, ``cosine(100,400)`` or ``step(200)``.

        Raises:
            ObjectiveRefError: The text does not have this form.
        """
        found = _FORM.fullmatch(text)
        kind, steps = (found[1], [part.strip() for part in found[2].split(",")]) if found else (text, [])
        if kind not in _STEPS:
            known = did_you_mean(kind, list(_STEPS))
            raise _error(text, "is none of linear(FROM,TO), cosine(FROM,TO) and step(AT)", known)
        if len(steps) != len(_STEPS[kind]) or not all(re.fullmatch(r"\d+", step) for step in steps):
            raise _error(text, f"needs {','.join(_STEPS[kind])} as optimizer steps, whole numbers from 0 on")
        start, end = int(steps[0]), int(steps[-1])
        if start == end and kind != "step":
            raise _error(text, "starts where it ends", f"for a jump write step({start}); ")
        return cls(kind, start, end)  # type: ignore[arg-type]  # one of the keys above

    def factor(self, step: int) -> float:
        """Return what the weight is multiplied with after ``step`` optimizer steps, from 0 to 1."""
        if self.kind == "step":
            return float(step >= self.start)
        progress = min(max((step - self.start) / (self.end - self.start), 0.0), 1.0)
        return progress if self.kind == "linear" else (1 - math.cos(math.pi * progress)) / 2

    def first_step(self) -> int:
        """Return the number of steps after which the factor is above zero for the first time."""
        return self.start if self.kind == "step" else self.start + 1 if self.start < self.end else 0

    def __str__(self) -> str:
        return f"step({self.start})" if self.kind == "step" else f"{self.kind}({self.start},{self.end})"


def _error(text: str, what: str, fix: str = "") -> ObjectiveRefError:
    return ObjectiveRefError(
        f"the schedule '{text}' {what}",
        where="the part of an objective behind '@'",
        fix=f"{fix}for example toxicity:0.3@linear(0,500), @cosine(100,400) or @step(200)",
    )
