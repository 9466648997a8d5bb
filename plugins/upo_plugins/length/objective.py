"""The ``length`` objective: a smooth reward for responses of a wanted length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import BaseObjective, Needs, Options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.objectives import Completion

__all__ = ["Length", "LengthOptions", "Unit", "count", "maximum_reward", "target_reward"]

Unit = Literal["words", "characters", "tokens"]
_MEASURED: tuple[Unit, ...] = ("words", "characters")  # tokens are counted by every evaluation


class LengthOptions(Options):
    """Options of the ``length`` objective; exactly one of ``target`` and ``maximum`` is needed."""

    target: int | None = Field(
        default=None, ge=1, description="The best length: longer and shorter responses earn less."
    )
    maximum: int | None = Field(default=None, ge=1, description="The longest length that still earns the full reward.")
    unit: Unit = Field(default="words", description="What is counted; tokens are those of the policy's tokenizer.")
    width: float = Field(
        default=0.3,
        gt=0,
        allow_inf_nan=False,
        description="Tolerance, relative: at e^±width times the length (about ±30 %) the reward is .61.",
    )

    @model_validator(mode="after")
    def _check_one_peak(self) -> Self:
        if (self.target is None) == (self.maximum is None):
            given = "neither" if self.target is None else "both"
            raise ValueError(
                f"length needs either a target or a maximum, but has {given}: write length:0.1,target=120 or "
                "length:0.1,maximum=200"
            )
        return self


def target_reward(length: float, target: float, width: float) -> float:
    """Return ``exp(−½·(log(n/target)/width)²)``: 1 at the target, as low at half of it as at twice; 0 at n = 0.

    Every derivative exists, at n = 0 too, where all of them are 0.
    """
    if length <= 0:
        return 0.0
    deviation = math.log(length / target) / width
    return math.exp(-0.5 * deviation * deviation)


def maximum_reward(length: float, maximum: float, width: float) -> float:
    """Return 1 up to the maximum and the upper half of the target's bell beyond it; the slope is continuous."""
    return target_reward(max(length, maximum), maximum, width)


def count(completion: Completion, unit: Unit) -> int:
    """Return the length of a response: words between white space, characters without outer white space, or tokens.

    Raises:
        ObjectiveFailedError: Tokens are wanted and the completion carries no count.
    """
    match unit:
        case "words":
            return len(completion.response.split())
        case "characters":
            return len(completion.response.strip())
        case "tokens":
            return _token_count(completion)


def _token_count(completion: Completion) -> int:
    if completion.token_count is None:
        raise ObjectiveFailedError(
            "a completion came without its number of tokens",
            where="objective 'length', unit=tokens",
            fix="fill Completion.token_count (the engine does so for Needs(token_counts=True)), or use unit=words",
        )
    return completion.token_count


class Length(BaseObjective):
    """The ``length`` objective."""

    def __init__(self, options: LengthOptions) -> None:
        self.options = options
        self.needs = Needs(token_counts=options.unit == "tokens")

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return one reward in [0, 1] per completion.

        Raises:
            ObjectiveFailedError: Tokens are wanted and a completion carries no count.
        """
        return [self._reward(count(completion, self.options.unit)) for completion in completions]

    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        """Return words and characters, whatever the objective counts."""
        return {f"length/{unit}": [float(count(completion, unit)) for completion in completions] for unit in _MEASURED}

    def _reward(self, length: int) -> float:
        if self.options.target is not None:
            return target_reward(length, self.options.target, self.options.width)
        assert self.options.maximum is not None  # noqa: S101 - one of the two is checked by the options
        return maximum_reward(length, self.options.maximum, self.options.width)
