"""What the objectives themselves measure in answers, beside their reward; and the harms among it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.arrays import FloatArray
from upo_sdk.evaluation.violations import HarmTable
from upo_sdk.objectives import Completion
from upo_sdk.scoring import measure_completions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.context import RunContext
    from upo_sdk.evaluation.paired_statistic import Better
    from upo_sdk.evaluation.rows import EvalRows
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["ObjectiveMeasures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveMeasures:
    """The measures of all objectives, under names of which each occurs once.

    Attributes:
        names: Per objective with measures, its own names to ours: the same, unless it is taken; then with the
            objective's label in front.
        harms: Our names of the kinds of harm.
    """

    objectives: Sequence[LiveObjective]
    names: Sequence[dict[str, str]]
    harms: Sequence[str]
    context: RunContext

    @classmethod
    def of(cls, objectives: Sequence[LiveObjective], taken: Sequence[str], context: RunContext) -> ObjectiveMeasures:
        """Ask every objective, which must be set up, what it measures.

        Args:
            objectives: The auxiliary ones.
            taken: Names of other metrics.
            context: Calls the objectives and keeps their measures.
        """
        used, names, harms = set(taken), list[dict[str, str]](), list[str]()
        for item in objectives:
            own = {
                name: name if name not in used else f"{item.label}/{name}" for name in context.guard.measures(item, [])
            }
            used |= set(own.values())
            names.append(own)
            harms += [own[name] for name in context.guard.harms(item) if name in own]
        return cls(objectives=objectives, names=names, harms=harms, context=context)

    @property
    def all_names(self) -> list[str]:
        """Every name."""
        return [ours for own in self.names for ours in own.values()]

    @property
    def categories(self) -> list[str]:
        """The harms by the last part of their names, if those differ."""
        short = [name.rpartition("/")[2] for name in self.harms]
        twice = {name for name, count in Counter(short).items() if count > 1}
        return [name if part in twice else part for name, part in zip(self.harms, short, strict=True)]

    def take(self, completions: Sequence[Completion], what: str, *, harms_only: bool = False) -> dict[str, FloatArray]:
        """Return every measure of some completions, by our names."""
        found = dict[str, FloatArray]()
        for item, own in zip(self.objectives, self.names, strict=True):
            if own.keys() and (not harms_only or set(own.values()) & set(self.harms)):
                measured = measure_completions(
                    item,
                    completions,
                    self.context.cache,
                    guard=self.context.guard,
                    on_progress=self.context.progress(f"measuring {what} with {item.label}", "completions"),
                )
                found |= {own[name]: values for name, values in measured.items()}
        return found

    def better(self, name: str) -> Better:
        """Return which direction of a measure is an improvement: lower is better for harm, unknown for others."""
        return "lower" if name in {*self.harms, *(harm.rpartition("/")[0] for harm in self.harms)} else None

    def harm_table(
        self, rows: EvalRows, mine: Mapping[str, FloatArray], other: Mapping[str, FloatArray] | None
    ) -> HarmTable:
        """Return the harm of answers, prompts, chosen and rejected responses.

        Args:
            rows: The prompts and the data's responses.
            mine: The measures of the model's answers, prompt by prompt.
            other: Those of the baseline's; None without one.
        """
        firsts = rows.dataset.select(rows.first_rows())
        texts = [
            dict(zip(labels, responses, strict=True))  # of several equally labelled ones, the last
            for responses, labels in zip(firsts["responses"][:], firsts["desirable"][:], strict=True)
        ]
        return HarmTable(
            categories=self.categories,
            model_PSC=self._stacked(mine).reshape(len(rows.prompts), -1, len(self.harms)),
            baseline_PSC=self._stacked(other).reshape(len(rows.prompts), -1, len(self.harms)) if other else None,
            chosen_PC=self._of_texts([row.get(True) for row in texts], "chosen responses"),
            prompt_PC=self._of_texts([prompt.text for prompt in rows.prompts], "prompts"),
            rejected_PC=self._of_texts([row.get(False) for row in texts], "rejected responses"),
        )

    def _of_texts(self, texts: Sequence[str | None], what: str) -> FloatArray:
        """Return the harms of some texts, NaN where there is none."""
        there = [text for text in texts if text is not None]
        values = np.full((len(texts), len(self.harms)), np.nan)
        if there:
            found = self.take([Completion("", text) for text in there], what, harms_only=True)
            values[[text is not None for text in texts]] = self._stacked(found)
        return values

    def _stacked(self, found: Mapping[str, FloatArray]) -> FloatArray:
        stacked: FloatArray = np.stack([found[name] for name in self.harms], axis=1)
        return stacked
