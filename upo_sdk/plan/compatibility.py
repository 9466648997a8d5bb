"""Whether objectives, data and loss fit together; checked before any work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.data import (
    MARGIN,
    SAMPLE_WEIGHT,
    check_scores,
    describe_overruled,
    describe_unused,
    has_rewards,
)
from upo_sdk.data.columns import read_rows_of
from upo_sdk.errors import ConfigError, DataError, ObjectiveFailedError, ObjectiveRefError, UPOError
from upo_sdk.objectives.protocol import Checkable
from upo_sdk.plugin.build import union_of_needs
from upo_sdk.plugin.discovery import BUILTIN_DISTRIBUTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["check_fit", "check_scorers", "check_weighting", "label_balance", "unused_columns"]

_RARE = 5
"""A label is rare if fewer than one in so many completions have it."""


def check_fit(objectives: Sequence[LiveObjective], data: PreferenceData, default: str) -> None:
    """Check that there is something to learn from, and that the data has the shape it needs.

    Args:
        objectives: What is in the loss.
        data: The preference data.
        default: The preference objective that suits this shape of data, to name in a fix.

    Raises:
        ConfigError: No preference objective has a weight.
        DataError: An objective needs pairs, and there are none; or a score in the data is no number.
    """
    if not any(item.is_preference for item in objectives):
        raise ConfigError(
            "no preference objective has a weight above zero", where="`objectives`", fix=f"add `objectives={default}`"
        )
    for item in objectives:
        if item.objective.needs.pairs and data.shape != "pairs":
            raise DataError(
                f"'{item.label}' needs pairs, and the data has single completions",
                where=data.description,
                fix=f"use `objectives={default}`, or data with chosen and rejected",
            )
    for part in (data.train, data.eval):
        if part is not None:
            check_scores(part, union_of_needs(objectives).score_columns, data.description)


def check_weighting(objectives: Sequence[LiveObjective], config: RunConfig, data: PreferenceData) -> None:
    """Check that row weights, schedules and normalisations mean something to the objectives and the baseline.

    Raises:
        UPOError: One of them does not.
    """
    for item in objectives:
        if item.objective.needs.batch_statistic and SAMPLE_WEIGHT in data.columns:
            raise DataError(
                f"'{item.label}' compares the pairs of a batch with each other, so a row cannot have its own weight",
                where=f"column '{SAMPLE_WEIGHT}'",
                fix="choose another loss, or leave the column out",
            )
        if item.is_preference and item.ref.normalize != "none":
            raise ObjectiveRefError(
                f"'{item.label}' is a preference objective: it has no rewards to normalise",
                where=f"objective '{item.ref}'",
                fix=f"leave out normalize={item.ref.normalize}",
            )
        if not item.is_preference and item.schedule and config.loss.baseline in {"soft", "prompt-mean"}:
            raise ConfigError(
                f"the baseline '{config.loss.baseline}' is computed once from the weights, and the weight of "
                f"'{item.label}' changes over the run",
                where=f"objective '{item.ref}'",
                fix="use `loss.baseline=value` or none, or leave out the schedule",
            )


def unused_columns(objectives: Sequence[LiveObjective], data: PreferenceData) -> tuple[list[str], list[str]]:
    """Return at most one note, and warnings, that name the columns of the data that have no effect here."""
    needs = union_of_needs(objectives)
    rewards = (f"reward/{item.label}" for item in objectives if not item.is_preference)
    used = {SAMPLE_WEIGHT, *needs.columns, *((MARGIN,) if needs.margin else ())}
    notes, warnings = describe_unused(data.unread, used, {*needs.score_columns, *rewards}, data.parts)
    return notes, [*warnings, *describe_overruled(data.overruled, data.parts)]


def label_balance(data: PreferenceData) -> list[str]:
    """Return a warning if single completions have one label only, or hardly any of the other."""
    if data.shape == "pairs":
        return []
    labels = [label for row in read_rows_of(data.train, "desirable") for label in row["desirable"]]
    desirable, total = sum(labels), len(labels)
    rarer = min(desirable, total - desirable)
    if rarer * _RARE >= total:
        return []
    counts = f"{desirable:,} of {total:,} completions are desirable"
    if rarer == 0:
        return [f"{counts}: without any of the other label there is no preference to learn"]
    return [f"{counts}: the rarer label has little influence; give it more weight (by options or sample_weight)"]


def check_scorers(
    objectives: Sequence[LiveObjective], data: PreferenceData, *, may_skip: bool
) -> tuple[dict[str, str], list[str]]:
    """Return what every auxiliary objective will load, by label in words, and warnings of those that cannot be loaded.

    Args:
        objectives: Those that score, the data or the answers.
        data: May hold their rewards, so that nothing is scored.
        may_skip: Whether the run continues without an objective that fails.

    Raises:
        UPOError: Something that an objective needs cannot be loaded.
    """
    loads: dict[str, str] = {}
    warnings: list[str] = []
    for item in objectives:
        if item.is_preference:
            continue
        try:
            loads[item.label] = _load_of(item, data)
        except UPOError as error:
            if not may_skip:
                raise
            loads[item.label] = "not available"
            warnings.append(f"'{item.label}' will be left out of this run: {error.what} ({error.fix})")
    return loads, warnings


def _load_of(item: LiveObjective, data: PreferenceData) -> str:
    if has_rewards(item.label, data.columns) and item.weight:
        return "its rewards are in the data"
    if isinstance(item.objective, Checkable):
        try:
            return item.objective.check()
        except UPOError:
            raise
        except Exception as error:
            raise ObjectiveFailedError(
                f"the objective '{item.label}' raised {type(error).__name__} when asked what it needs: {error}",
                where=item.place,
                fix="fix the objective, or leave it out",
            ) from error
    return "nothing to download" if item.distribution == BUILTIN_DISTRIBUTION else "-"
