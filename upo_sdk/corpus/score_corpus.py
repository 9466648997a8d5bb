"""``score``: every completion of a corpus labelled with auxiliary rewards, which become columns of its rows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.atomic_file import write_atomically
from upo_sdk.cache import Filled, cache_in_use
from upo_sdk.context import RunContext
from upo_sdk.corpus.output import check_output, read_source, row_numbers, write_rows
from upo_sdk.corpus.plan import plan_scoring
from upo_sdk.corpus.summary import ScoredCorpus, summarize
from upo_sdk.data import BAD_ROWS_FILE, completions, list_bad_rows, rewards_in_data
from upo_sdk.evaluation.loaded_model import accelerator
from upo_sdk.events import CacheUsed
from upo_sdk.isolation import isolated
from upo_sdk.objectives import Remarking
from upo_sdk.plugin.registry import load_registry
from upo_sdk.scoring import score_completions
from upo_sdk.scoring.ray_engine import may_leave, score_on_ray
from upo_sdk.scoring.score import Scored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from upo_sdk.arrays import BoolArray, FloatArray
    from upo_sdk.config import ScoreConfig
    from upo_sdk.corpus.output import Row
    from upo_sdk.corpus.plan import ScorePlan
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry

__all__ = ["score"]


@cache_in_use()
def score(
    config: ScoreConfig,
    *,
    registry: Registry | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
) -> ScoredCorpus:
    """Score a corpus, write its rows with their rewards, and return how these are distributed.

    The output has the rows of the source in order, with all their columns, and a column ``reward/LABEL`` for each
    objective: a number, or for pairs ``[chosen, rejected]``. Training reads these columns as they are, in the place of
    the objective with that label, or as the objective ``column:reward/LABEL``. Rewards are neither weighted nor
    normalised, and whole responses are scored: without a model nothing is shortened.

    Every finished batch is kept by content, so a run that was killed resumes where it stopped. The output is there
    whole or not at all. Nothing is printed.

    Args:
        config: Which corpus, which objectives, where the rows go and which of them.
        registry: Loaded plugins; by default they are loaded as ``config.plugins`` says.
        callbacks: Receive notices and progress.
        cancel: Anything with ``is_set()``; once set, scoring ends within a batch.

    Raises:
        UPOError: Something the user can fix; its message says what, where and how.
    """
    registry = registry or load_registry(config.plugins)
    plan = plan_scoring(config, registry.check())
    context = RunContext.of(callbacks, cancel, timeout=config.plugins.timeout, cancelled="scoring was cancelled")
    for text in registry.warnings:
        context.warn(text)
    for text in plan.notices:
        context.note(text)
    with isolated(), ExitStack() as until_the_end:
        return _Scoring(plan, context, until_the_end).execute()


@dataclass(frozen=True, slots=True)
class _Scoring:
    plan: ScorePlan
    context: RunContext
    until_the_end: ExitStack

    def execute(self) -> ScoredCorpus:
        """Score, summarise, choose and write."""
        plan, output = self.plan, self.plan.config.output
        found = {item.label: self._rewards(item) for item in plan.objectives}
        by_row = {label: scored.rewards.reshape(-1, plan.responses) for label, scored in found.items()}
        kept_R, dropped = plan.selection.choose(plan.rows, by_row)
        added = {f"reward/{label}": rewards for label, rewards in by_row.items() if label not in plan.given}
        write_rows(output, self._rows(kept_R, added), plan.schema, self._check_output)
        if plan.data.bad_rows:
            listed = output.with_suffix(f".{BAD_ROWS_FILE}")
            write_atomically(listed, list_bad_rows(plan.data.bad_rows))
            self.context.note(f"the rows that are left out because they are bad are listed in {listed}")
        if not kept_R.any():
            self.context.warn("no row meets the conditions: the output has no rows")
        return ScoredCorpus(
            output=output,
            rows=len(plan.rows),
            written=int(kept_R.sum()),
            dropped=dropped.model_copy(update={"bad": len(plan.data.bad_rows)}),
            rewards=tuple(
                summarize(label, f"reward/{label}", scored.rewards, scored.filled) for label, scored in found.items()
            ),
        )

    def _check_output(self) -> None:
        config = self.plan.config
        check_output(config.output, config.data, overwrite=config.overwrite_output)

    def _rewards(self, item: LiveObjective) -> Scored:
        """Return one objective's rewards of all completions, in row-major order."""
        plan, context = self.plan, self.context
        if item.label in plan.given:
            return Scored(rewards_in_data(plan.rows, item.label), Filled())
        with ExitStack() as stack:
            stack.enter_context(context.guard.set_up(item, str(accelerator())))
            context.guard.fit(item, completions(plan.data.train, plan.needs))
            started = perf_counter()
            scored = self._engine(item)(
                item,
                completions(plan.rows, plan.needs),
                context.cache,
                workers=plan.config.workers,
                guard=context.guard,
                on_progress=context.progress(f"scoring with {item.label}", "completions"),
            )
            for text in item.objective.remarks() if isinstance(item.objective, Remarking) else ():
                context.note(f"'{item.label}': {text}")
        context.emit(
            CacheUsed(
                task="scoring",
                label=item.label,
                split="corpus",
                found=scored.filled.found,
                computed=scored.filled.computed,
                seconds=perf_counter() - started,
            )
        )
        return scored

    def _engine(self, item: LiveObjective) -> Callable[..., Scored]:
        """Return the function that scores."""
        config = self.plan.config
        if config.engine == "local":
            return score_completions
        if not may_leave(item):
            self.context.note(f"'{item.label}' is fitted to the corpus in this process, so it scores here, not on Ray")
            return score_completions
        return partial(score_on_ray, plugins=config.plugins, until_the_end=self.until_the_end)

    def _rows(self, kept_R: BoolArray, added: Mapping[str, FloatArray]) -> Iterator[Row]:
        """Yield the rows to write, as the source has them, with their rewards."""
        plan = self.plan
        places = np.flatnonzero(kept_R)
        numbers = row_numbers(plan.rows)[places]
        advance = self.context.progress("writing rows", "rows")
        for done, (place, row) in enumerate(zip(places, read_source(plan.config.data, numbers), strict=True), start=1):
            yield row | {name: _cell(rewards[place]) for name, rewards in added.items()}
            if done % _REPORTED == 0 or done == len(places):
                advance(done, len(places))


_REPORTED = 1000


def _cell(rewards_K: FloatArray) -> float | list[float]:
    return rewards_K.tolist() if len(rewards_K) > 1 else float(rewards_K[0])
