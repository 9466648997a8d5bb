"""Objectives that lack what the protocol asks for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from good import Loss, Reward

if TYPE_CHECKING:
    from upo_sdk.objectives import Needs

__all__ = ["ExitsInSetup", "HasTwoKinds", "NeedsNothingItKnowsOf", "RefusesToClose", "SaysNoNeeds"]


class SaysNoNeeds(Reward):
    """``needs`` is None."""

    caught_by = "follows_the_protocol"
    needs: Needs | None = None  # type: ignore[assignment]


class NeedsNothingItKnowsOf(Reward):
    """``needs`` is a set of names instead of ``Needs``."""

    caught_by = "follows_the_protocol"
    needs = {"topic"}  # type: ignore[assignment]  # noqa: RUF012


class ExitsInSetup(Reward):
    """It ends the process when its model is missing."""

    caught_by = "follows_the_protocol"

    def setup(self, device: str, /) -> None:
        sys.exit(3)


class RefusesToClose(Reward):
    """``close()`` is not written."""

    caught_by = "follows_the_protocol"

    def close(self) -> None:
        raise NotImplementedError


class HasTwoKinds(Loss):
    """It has ``loss()`` and ``rewards()``, so nobody knows which is meant."""

    caught_by = "follows_the_protocol"

    def rewards(self, completions: list[object], /) -> list[float]:
        return [0.0 for _ in completions]
