"""What scoring a corpus will do, resolved and checked before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.config.scoring import Shard
from upo_sdk.corpus.output import check_output, parquet_schema, read_source, row_numbers
from upo_sdk.corpus.selection import Selection
from upo_sdk.data import has_rewards, load_preference_data
from upo_sdk.errors import ConfigError, DataError
from upo_sdk.plan.compatibility import check_scorers
from upo_sdk.plugin.build import build_objectives, union_of_needs
from upo_sdk.ranks import launched_ranks
from upo_sdk.scoring.ray_engine import check_ray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from upo_sdk.config import ScoreConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.objectives import Needs
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry

__all__ = ["ScorePlan", "plan_scoring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePlan:
    """The resolved plan.

    Attributes:
        objectives: Constructed, not set up.
        given: Labels of the objectives whose rewards the data has: those are read, not computed.
        data: The whole corpus.
        rows: Those of the shard.
        selection: Which of them are written.
        schema: The types of the output's columns, if it is a Parquet file.
        notices: Choices made for the user, in words.
    """

    config: ScoreConfig
    objectives: tuple[LiveObjective, ...]
    given: frozenset[str]
    data: PreferenceData
    rows: Dataset
    selection: Selection
    schema: Any
    notices: tuple[str, ...]

    @property
    def responses(self) -> int:
        """How many responses each row has."""
        return 2 if self.data.shape == "pairs" else 1

    @property
    def needs(self) -> Needs:
        """What is prepared for the objectives."""
        return union_of_needs([item for item in self.objectives if item.label not in self.given])


def plan_scoring(config: ScoreConfig, registry: Registry) -> ScorePlan:
    """Check that the output can be written, and that the objectives can score the corpus.

    Raises:
        UPOError: Something cannot be used.
    """
    if launched_ranks() > 1:
        raise ConfigError(
            "scoring a corpus is one process, and a launcher started several",
            where="WORLD_SIZE",
            fix="start it without a launcher: `engine=ray` spreads the work, and so does a job array with `shard=1/8`",
        )
    if config.engine == "ray":
        check_ray()
    check_output(config.output, config.data, overwrite=config.overwrite_output)
    objectives = _auxiliary(build_objectives(config.objectives, registry))
    labels = [item.label for item in objectives]
    formats = registry.dataset_formats(config.data.format)
    data = load_preference_data(config.data, formats=formats, labelled=False)
    given = frozenset(label for label in labels if has_rewards(label, data.columns))
    _check_columns([label for label in labels if label not in given], data)
    selection = Selection.of(config, labels, data.shape)
    loads, _ = check_scorers([item for item in objectives if item.label not in given], data, may_skip=False)
    return ScorePlan(
        config=config,
        objectives=objectives,
        given=given,
        data=data,
        rows=_shard(data, config),
        selection=selection,
        schema=_schema(config, data, [label for label in labels if label not in given]),
        notices=(
            data.description,
            *data.describe_bad_rows(),
            *(f"'{label}': {loaded}" for label, loaded in loads.items()),
            *(f"'{label}' does not score: its rewards are read from the column 'reward/{label}'" for label in given),
            *_normalized(objectives),
        ),
    )


def _auxiliary(objectives: Sequence[LiveObjective]) -> tuple[LiveObjective, ...]:
    if not objectives:
        raise ConfigError("there is no objective", where="`objectives`", fix="name one: `objectives=toxicity`")
    for item in objectives:
        if item.is_preference:
            raise ConfigError(
                f"'{item.label}' is a preference objective: it is a loss on a model's log-probs, and gives no rewards",
                where=f"objective '{item.ref}'",
                fix="name auxiliary objectives; `upo objectives list` shows the kind of each",
            )
        if item.objective.needs.token_counts:
            raise ConfigError(
                f"'{item.label}' counts tokens, and without a model there is no tokenizer",
                where=f"objective '{item.ref}'",
                fix=f"choose other options: `upo objectives show {item.ref.name}` lists them",
            )
    return tuple(objectives)


def _check_columns(labels: Sequence[str], data: PreferenceData) -> None:
    """Check that no column of the source would be replaced."""
    for label in labels:
        name = f"reward/{label}"
        taken = [column for column in (name, f"{name}_chosen", f"{name}_rejected") if column in data.unread]
        if taken:
            raise DataError(
                f"only some rows have the column '{taken[0]}', in which the rewards of '{label}' are to be written",
                where=f"{data.description} (row {data.unread[taken[0]]})",
                fix="give every row its rewards, take the column out of the data, or give the objective another label: "
                "as=OTHER",
            )


def _shard(data: PreferenceData, config: ScoreConfig) -> Dataset:
    shard, total = Shard.parse(config.shard), len(data.train)
    places = shard.rows(total)
    if not places:
        raise DataError(
            f"shard {shard.number} of {shard.shards} has no rows: the data has {total:,}",
            where=f"`shard={config.shard}`",
            fix=f"cut it into at most {total:,} shards",
        )
    return data.train.select(places)


def _schema(config: ScoreConfig, data: PreferenceData, labels: Sequence[str]) -> Any:
    """Return the columns' types of the whole corpus, so that all shards have the same."""
    if config.output.suffix != ".parquet":
        return None
    rows = read_source(config.data, row_numbers(data.train))
    return parquet_schema(rows, config.data, {f"reward/{label}": data.shape == "pairs" for label in labels})


def _normalized(objectives: Sequence[LiveObjective]) -> list[str]:
    return [
        f"'{item.label}': normalize={item.ref.normalize} is left out: rewards are written as they are, and training "
        "normalises them"
        for item in objectives
        if item.ref.normalize != "none"
    ]
