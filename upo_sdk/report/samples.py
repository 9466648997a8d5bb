"""``samples.jsonl``: what the model answered before and after, and how each objective scored it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from upo_sdk.data.messages import shown
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.training.comparison import ScoredAnswers

__all__ = ["SAMPLES_FILE", "Sample", "Twice", "read_samples", "samples_of"]

SAMPLES_FILE = "samples.jsonl"

T = TypeVar("T")


class Twice(BaseModel, Generic[T]):
    """One quantity of the base model and of the trained one."""

    model_config = ConfigDict(frozen=True)

    before: T
    after: T


class Sample(BaseModel):
    """One prompt with both models' answers.

    Attributes:
        tokens: Tokens of the answers.
        rewards: By label, normalised as in the loss; an objective that cannot score answers is absent.
    """

    model_config = ConfigDict(frozen=True)

    prompt: str
    before: str
    after: str
    tokens: Twice[int]
    rewards: dict[str, Twice[float]]


def samples_of(before: ScoredAnswers, after: ScoredAnswers) -> str:
    """Return the content of ``samples.jsonl``: one object a line, in the order of the prompts."""
    samples = [
        Sample(
            prompt=shown(old.prompt, old.prompt_messages),
            before=old.response,
            after=new.response,
            tokens=Twice(before=old.token_count or 0, after=new.token_count or 0),
            rewards={
                label: Twice(before=float(rewards[index]), after=float(after.rewards[label][index]))
                for label, rewards in before.rewards.items()
            },
        )
        for index, (old, new) in enumerate(zip(before.completions, after.completions, strict=True))
    ]
    return "".join(f"{sample.model_dump_json()}\n" for sample in samples)


def read_samples(folder: Path) -> tuple[Sample, ...]:
    """Return the samples of a run folder, none if it has none.

    Raises:
        DataError: The file is not what a run writes.
    """
    path = folder / SAMPLES_FILE
    if not path.is_file():
        return ()
    try:
        return tuple(map(Sample.model_validate_json, path.read_text(encoding="utf-8").splitlines()))
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(
            "the samples of the run cannot be read", where=str(path), fix="run it again, or delete the file"
        ) from error
