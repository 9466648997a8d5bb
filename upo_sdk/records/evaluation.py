"""``eval.json``, and the comparison at the end of a run in ``run.json``: a model's answers beside a baseline's."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from upo_sdk.records.base import FileRecord, Record
from upo_sdk.records.sample import Sample

__all__ = [
    "Cost",
    "DataDescription",
    "Direction",
    "Estimate",
    "EvaluationRecord",
    "Failure",
    "JudgeIdentity",
    "JudgeKind",
    "Metric",
    "ModelIdentity",
    "PositionBias",
    "Verdict",
    "WinRate",
]


class Estimate(Record):
    """A mean with its 95 % interval."""

    model_config = ConfigDict(allow_inf_nan=False)

    ENOUGH: ClassVar[int] = 10
    """Units from which on a verdict is given; docs/reference/evaluation.md says what fewer would get wrong."""

    mean: float = Field(description="The mean, or the ratio of two sums, over everything that was measured.")
    low: float | None = Field(description="Lower end of the 95 % interval; null if one prompt is all there is.")
    high: float | None = Field(description="Upper end of the 95 % interval, likewise.")
    count: int = Field(ge=0, description="Prompts behind it; they are the units of the interval.")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, if there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def enough(self) -> bool:
        """Whether there are prompts enough for a verdict."""
        return self.count >= self.ENOUGH


JudgeKind = Literal["reward-model", "language-model", "endpoint"]


class JudgeIdentity(Record):
    """Who judged."""

    kind: JudgeKind
    target: str = Field(description="hf:MODEL, lm:MODEL, or the address of the endpoint.")
    model: str | None = Field(description="The model's name at the endpoint.")
    template_sha256: str | None = Field(description="Of the question's template; null for a reward model.")
    threshold: float


class PositionBias(Record):
    """How much the order of the answers mattered.

    ``inconsistent`` is the share in percent of the pairs that were asked about whose two orders named different
    winners. ``first`` is the share in percent of all decided questions in which the first answer was preferred: 50 is
    no bias; null if none was decided.
    """

    inconsistent: float
    first: float | None


class Cost(Record):
    """What this evaluation asked for; what an earlier one had asked is in ``cached`` and costs nothing again."""

    requests: int = Field(description="Sent to the endpoint, further attempts included; or questions to a local model.")
    cached: int | None = Field(
        description="Questions answered before; null for a reward model, whose cache is that of scores."
    )
    prompt_tokens: int | None = Field(description="As counted by the judge; null if it does not say.")
    completion_tokens: int | None
    seconds: float
    price: float | None = Field(description="By the prices given per million tokens; null if none was given.")


class Failure(Record):
    """Pairs that were not judged, for one reason."""

    reason: str
    pairs: int
    example: str


class WinRate(Record):
    """How often a judge prefers the model's answers; a tie counts half, a failure is neither win nor loss.

    Rates are in percent.

    Attributes:
        pairs: Judged pairs: ``wins + ties + losses``.
        identical: Pairs of equal answers among the ties; nobody was asked about them.
        win_rate: ``100 · (wins + ties / 2) / pairs``; null if no pair was judged.
        length_controlled: The same, predicted for answers of equal length (arXiv 2404.04475).
        length_effect: Coefficient of the standardised, squashed difference of lengths, in log-odds: positive if the
            judge prefers longer answers.
        length_difference: Mean of the model's answers minus the others, in characters.
    """

    judge: JudgeIdentity
    against: Literal["baseline", "chosen"]
    pairs: int
    wins: int
    ties: int
    losses: int
    identical: int
    win_rate: Estimate | None
    length_controlled: Estimate | None
    length_effect: float | None
    length_difference: float | None
    position: PositionBias | None = Field(description="Null for a reward model, which sees no order.")
    cost: Cost
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()


Direction = Literal["rose", "fell", "open", "too few"]

_HEADROOM = 0.01


class Metric(Record):
    """One metric of the model, of the baseline, and their paired difference."""

    model_config = ConfigDict(allow_inf_nan=False)

    value: Estimate = Field(description="Of the model.")
    baseline: Estimate | None = Field(default=None, description="Of the baseline, if it has the metric.")
    difference: Estimate | None = Field(default=None, description="Model minus baseline, on the same prompts.")
    better: Literal["higher", "lower"] | None = Field(
        default=None, description="Which direction is an improvement, where that can be said."
    )
    unit: str = Field(default="", description="What it is counted in.")
    highest: float | None = Field(default=None, description="Of a reward: the highest that an answer got, of both.")

    @property
    def direction(self) -> Direction:
        """What the interval of the difference allows to say, from :data:`ENOUGH` prompts on."""
        found = self.difference
        if found is None or found.interval is None or not found.enough:
            return "too few"
        low, high = found.interval
        return "rose" if low > 0 else "fell" if high < 0 else "open"

    @property
    def at_ceiling(self) -> bool:
        """Whether the baseline's answers had, on average, all but a hundredth of the highest reward that was seen."""
        if self.highest is None or self.baseline is None:
            return False
        return self.highest - self.baseline.mean <= _HEADROOM * max(1.0, abs(self.highest))


class ModelIdentity(Record):
    """A model by name and by content."""

    path: str = Field(description="Folder or hub name, as it was given.")
    weights_sha256: str = Field(description="SHA-256 of names, types, shapes and bytes of all weights.")


class DataDescription(Record):
    """What was evaluated on."""

    description: str = Field(description="One sentence: how much of what was found where.")
    fingerprint: str = Field(default="", description="SHA-256 of the normalised content.")
    split: str = Field(
        default="held-out",
        description="held-out, given (with a path of its own), or training where a run held nothing out.",
    )


class Verdict(Record):
    """One condition of ``fail_if`` and whether it holds."""

    condition: str = Field(description="As it was given.")
    value: float | None = Field(
        description="What was compared; null if the metric has no value here, or too few prompts."
    )
    limit: float = Field(description="What it was compared with.")
    holds: bool = Field(
        description="Whether the evaluation fails by it; so it does without a value, or with too few prompts."
    )


class EvaluationRecord(FileRecord):
    """The result of an evaluation.

    The same configuration, models and data give the same object, ``created`` and a judge's ``cost`` apart. At the end
    of a run, the model is the trained one and the baseline the one that it started from.
    """

    FILE: ClassVar[str] = "eval.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder holds no evaluation", "evaluate the model: upo eval FOLDER")

    schema_version: Literal[2] = 2
    created: str = Field(description="When, UTC.")
    model: ModelIdentity
    baseline: ModelIdentity | None = None
    data: DataDescription
    seed: int = Field(description="Seed of sampling.")
    num_samples: int = Field(description="Answers per prompt and model.")
    max_new_tokens: int | None = Field(default=None, description="Tokens per answer at most.")
    temperature: float | None = Field(default=None, description="Of sampling.")
    top_p: float | None = Field(default=None, description="Of sampling: the share of the mass that is kept.")
    prompts: int = Field(description="Distinct prompts that were answered.")
    pairs: int = Field(default=0, description="Pairs behind accuracy and margin; 0 if there are none.")
    metrics: dict[str, Metric] = Field(description="By name; docs/reference/evaluation.md defines them.")
    samples: tuple[Sample, ...] = Field(default=(), description="The first answers; eval-samples.jsonl has all.")
    judge: WinRate | None = Field(default=None, description="Win rate by a judge, if there was one.")
    verdicts: tuple[Verdict, ...] = Field(default=(), description="The conditions of fail_if.")
    notices: tuple[str, ...] = Field(default=(), description="What was left out or chosen, in words.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="The resolved configuration of an evaluation of its own."
    )

    @property
    def rewards(self) -> dict[str, Metric]:
        """The rewards of the answers, as the objectives give them, by the label of the objective."""
        return {name.removeprefix(_REWARD): metric for name, metric in self.metrics.items() if name.startswith(_REWARD)}

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The conditions of ``fail_if`` that hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.holds)


_REWARD = "reward/"
