"""``run.json``: what a run was made of, how it ended, and what it changed."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field

from upo_sdk.records.base import FileRecord, Record
from upo_sdk.records.evaluation import EvaluationRecord
from upo_sdk.records.trained_with import TrainedWith

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.config import LossConfig

__all__ = [
    "Balance",
    "Chat",
    "DataFinding",
    "LeftOut",
    "Origin",
    "RunData",
    "RunLoss",
    "RunModel",
    "RunObjective",
    "RunRecord",
    "RunStatus",
    "ScoreStatistics",
    "load_run",
]

RunStatus = Literal["running", "completed", "cancelled", "failed"]

_FLOAT_NOISE = 1e-9


class Origin(Record):
    """A model or dataset by a name that means the same on another machine."""

    name: str
    hub_id: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None


class RunModel(Record):
    """The base model."""

    path: str = Field(description="Folder or hub name, as it was given.")
    revision: str | None = None
    weights_sha256: str | None = Field(
        default=None, description="SHA-256 of names, types, shapes and bytes of all weights."
    )
    origin: Origin | None = None

    @property
    def known_as(self) -> Origin:
        """Its origin; of a run before origins were recorded, the last part of its path."""
        return self.origin or Origin(name=PurePath(self.path).name)


class RunAdapter(Record):
    """The adapter that was trained instead of all weights; the run folder holds it without the base model.

    Its settings and its weights are in files of PEFT's, ``CONFIG`` and ``WEIGHTS``.
    """

    CONFIG: ClassVar[str] = "adapter_config.json"
    WEIGHTS: ClassVar[str] = "adapter_model.safetensors"

    r: int = Field(description="Rank.")
    alpha: float
    use_dora: bool = False
    use_rslora: bool = False
    target_modules: tuple[str, ...]
    modules_to_save: tuple[str, ...] = ()
    trained: int = Field(description="Parameters that were trained.")
    parameters: int = Field(description="Parameters of the base model.")


class Chat(Record):
    """What all conversations of the data share."""

    system: str | None = None
    template_inputs: dict[str, Any] = Field(default_factory=dict)


class DataFinding(Record):
    """One kind of difference between the data and what is learned or scored."""

    kind: str = Field(description="For example dropped.")
    detail: str = Field(
        default="", description="What it is about: a key, a role, or the template's text in the first row."
    )
    level: Literal["info", "warning"]
    rows: int = Field(description="Rows that have it.")
    of: int = Field(description="Rows in all.")
    first_row: int = Field(description="The first one, 1-based in the source.")
    text: str = Field(description="What it is and what to do, in words.")


class RunData(Record):
    """The training data."""

    description: str = Field(description="One sentence: how much of what was found where.")
    fingerprint: str = Field(description="SHA-256 of the normalised content.")
    conversational: bool = False
    chat: Chat | None = None
    origin: Origin | None = None
    findings: dict[str, tuple[DataFinding, ...]] = Field(default_factory=dict, description="By split.")

    @property
    def called_with(self) -> Chat | None:
        """How the model is called: None for plain text."""
        return (self.chat or Chat()) if self.conversational else None


class RunObjective(Record):
    """One objective of the loss, or one that only scored the answers."""

    label: str
    objective: str = Field(description="In text form.")
    kind: Literal["preference", "auxiliary"]
    weight: float
    schedule: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    distribution: str = Field(description="The installed package that it comes from.")
    version: str
    target: str = Field(default="", description="The class or function, as package.module:Name.")
    code_sha256: str = Field(default="", description="Of the module's source.")
    fingerprint: dict[str, Any] = Field(default_factory=dict, description="What it scores with.")


class LeftOut(Record):
    """An objective that failed and was left out, because the configuration allows it."""

    label: str
    place: str = Field(default="", description="Where it comes from.")
    error: str


class ScoreStatistics(Record):
    """The distribution of one auxiliary objective's rewards over the training completions."""

    label: str
    count: int
    mean: float
    std: float
    minimum: float
    maximum: float
    at_low: float = Field(description="Share of completions at the minimum.")
    at_high: float = Field(description="Share of completions at the maximum.")
    correlation_length: float | None = Field(
        description="Pearson correlation with the response's length in characters; null if either is constant."
    )
    correlation_chosen: float | None = Field(
        description="Pearson correlation with being chosen, or labelled desirable; null likewise."
    )

    @property
    def constant(self) -> bool:
        """Whether the reward never varies, so that the objective cannot teach anything."""
        return self.maximum - self.minimum < _FLOAT_NOISE


class Balance(Record):
    """How hard the two terms of the loss pull on a response's log-prob at the start."""

    gamma: float = Field(description="Makes the auxiliary term's pull ratio times the preference term's.")
    normalization: Literal["token-mean", "sum"] = Field(description="What the auxiliary term divides by.")
    ratio: float = Field(description="Sum of the weights of the auxiliary objectives whose reward varies.")
    preference_pull: float = Field(description="Pull of the preference term: β for DPO, β/4 for KTO.")
    auxiliary_pull: float = Field(description="Pull of the auxiliary term with γ = 1.")
    mean_weight: float = Field(description="Mean of the advantage weights exp(λA).")
    ess: float = Field(description="Their effective sample size, as a share of the responses.")

    def applied_to(self, config: LossConfig) -> LossConfig:
        """Return the configuration with this γ and this normalisation."""
        return config.balanced(self.gamma, self.normalization)


class RunLoss(Record):
    """The loss: what was asked for, and what it was trained with."""

    scale: str
    lambda_: float = Field(alias="lambda")
    expectile: float
    baseline: str
    length_normalization: str
    advantage_cap: float | None
    gamma: float | None = Field(description="As trained; null where the data decide it and did not yet.")
    normalization: Literal["token-mean", "sum"] = Field(description="What the auxiliary term divides by.")
    balance: Balance | None = Field(default=None, description="What γ was chosen by.")
    rows: int | None = Field(default=None, description="Rows that it was measured on.")


class RunRecord(FileRecord):
    """A run: what ``align`` returns, and ``run.json`` is its JSON.

    Attributes:
        output_dir: The run folder, loadable with ``AutoModelForCausalLM.from_pretrained`` if the run is completed.
    """

    FILE: ClassVar[str] = "run.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder holds no run", "give the `output_dir` of a run")

    schema_version: Literal[2] = 2
    output_dir: Path = Field(default=Path(), exclude=True)
    status: RunStatus = Field(description="Cancelled runs can be resumed from their checkpoint.")
    error: str | None = Field(default=None, description="Why it failed.")
    started: str = Field(default="", description="When, UTC.")
    finished: str | None = Field(default=None, description="When, UTC.")
    command: str = Field(default="", description="What was typed; empty for a run from code.")
    software: dict[str, str] = Field(default_factory=dict, description="Versions.")
    model: RunModel
    adapter: RunAdapter | None = Field(default=None, description="What was trained, if not all weights.")
    data: RunData
    objectives: tuple[RunObjective, ...] = Field(description="Those of the loss.")
    held_out: tuple[RunObjective, ...] = Field(default=(), description="Those that only score the answers.")
    skipped: tuple[LeftOut, ...] = ()
    scores: tuple[ScoreStatistics, ...] = Field(default=(), description="Of every auxiliary objective's rewards.")
    normalization: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="By label; normalization.json has all of it."
    )
    loss: RunLoss | None = None
    seed: int
    layout: str = Field(default="", description="How rows were laid out in batches.")
    resumed_from: str | None = None
    changed_on_resuming: dict[str, list[str]] = Field(default_factory=dict)
    trained_with: TrainedWith = Field(default_factory=TrainedWith)
    steps: int = Field(default=0, description="Optimizer steps taken.")
    metrics: dict[str, float] = Field(
        default_factory=dict, description="The last value of every metric, of the held-out data too."
    )
    evaluation: EvaluationRecord | None = Field(
        default=None, description="The answers of the trained model beside those of the base model."
    )
    explanation: tuple[str, ...] = Field(default=(), description="What each objective did, in plain sentences.")
    checkpoint: str | None = Field(default=None, description="Name of the newest checkpoint in the folder.")
    hub_url: str | None = Field(default=None, description="Where the model was pushed to, if it was.")

    @classmethod
    def find(cls, folder: Path) -> Self | None:
        """Read the record of a folder, which becomes its ``output_dir``; None if it has none.

        Raises:
            DataError: The file is damaged, or a newer version wrote it.
        """
        found = super().find(folder)
        return found and found.model_copy(update={"output_dir": folder})

    @classmethod
    def upgrade(cls, values: dict[str, Any], version: int) -> dict[str, Any]:
        """Read a run of 0.1, whose comparison of the answers was a list of means."""
        del version
        skipped = [{**item, "place": item.get("from", "")} for item in values.get("skipped", ())]
        evaluation = _evaluation_of_0_1(values) if values.get("before_after") else None
        return {**values, "skipped": skipped, "evaluation": evaluation}

    @property
    def preference(self) -> tuple[RunObjective, ...]:
        """The preference objectives."""
        return tuple(item for item in self.objectives if item.kind == "preference")

    @property
    def auxiliary(self) -> tuple[RunObjective, ...]:
        """The auxiliary objectives in the loss."""
        return tuple(item for item in self.objectives if item.kind == "auxiliary")

    def as_data(self) -> dict[str, Any]:
        """Return the content of ``run.json``, with the folder that it lies in."""
        return {"output_dir": str(self.output_dir), **self.model_dump(mode="json", by_alias=True)}

    @property
    def checkpoint_path(self) -> Path | None:
        """The newest checkpoint, if there is one."""
        return self.output_dir / self.checkpoint if self.checkpoint else None


def load_run(folder: Path | str) -> RunRecord:
    """Return the record of a run folder: what ``align`` returned.

    Raises:
        OutputError: The folder holds no run.
        DataError: ``run.json`` is damaged, or a newer version wrote it.
    """
    return RunRecord.load(Path(folder))


def _evaluation_of_0_1(values: Mapping[str, Any]) -> dict[str, Any]:
    items, model, data = values["before_after"], values["model"], values["data"]
    base = {"path": model["path"], "weights_sha256": model["weights_sha256"]}
    return {
        "created": values.get("finished", values["started"]),
        "model": {"path": "", "weights_sha256": ""},
        "baseline": base,
        "data": {**data, "split": items[0]["split"]},
        "seed": values["seed"],
        "num_samples": 1,
        "prompts": items[0]["prompts"],
        "metrics": {_name_of_0_1(item["label"], values): _metric_of_0_1(item) for item in items},
    }


def _name_of_0_1(label: str, values: Mapping[str, Any]) -> str:
    """Return the name of a mean reward, which was that of the loss: normalised if the objective's rewards were."""
    return f"normalized_reward/{label}" if label in values.get("normalization", {}) else f"reward/{label}"


def _metric_of_0_1(item: Mapping[str, Any]) -> dict[str, Any]:
    def estimate(mean: float, interval: list[float] | None = None) -> dict[str, Any]:
        low, high = interval or (None, None)
        return {"mean": mean, "low": low, "high": high, "count": item["prompts"]}

    return {
        "value": estimate(item["after"]),
        "baseline": estimate(item["before"]),
        "difference": estimate(item["after"] - item["before"], item["interval"]),
        "better": "higher",
        "unit": "reward",
        "highest": item.get("highest"),
    }
