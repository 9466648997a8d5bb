"""Fingerprints that let old scores out of the cache, or never find them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from good import Reward, polite

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.objectives import Completion

__all__ = ["FitsAndSaysNothing", "FitsAndSaysSo", "SaysAlwaysTheSame", "SaysItsAddress", "SaysNumbers"]


class FitsAndSaysSo(Reward):
    """A good one, fitted to the data."""

    longest = 1

    def fit(self, completions: Sequence[Completion], /) -> None:
        self.longest = max(len(item.response) for item in completions)

    def fingerprint(self) -> Mapping[str, str]:
        return {"longest": str(self.longest)}

    def score(self, completion: Completion) -> float:
        return min(1.0, len(completion.response) / self.longest)


class FitsAndSaysNothing(Reward):
    """It is fitted to the data and has no fingerprint."""

    caught_by = "fingerprint_tells_scorers_apart"
    longest = 1

    def fit(self, completions: Sequence[Completion], /) -> None:
        self.longest = max(len(item.response) for item in completions)

    def score(self, completion: Completion) -> float:
        return min(1.0, len(completion.response) / self.longest)


class SaysAlwaysTheSame(FitsAndSaysSo):
    """Its fingerprint does not change with what it is fitted to."""

    caught_by = "fingerprint_tells_scorers_apart"

    def fingerprint(self) -> Mapping[str, str]:
        return {"scorer": "polite"}


class SaysItsAddress(Reward):
    """Its fingerprint differs from object to object, so nothing is found in the cache."""

    caught_by = "fingerprint_tells_scorers_apart"

    def fingerprint(self) -> Mapping[str, str]:
        return {"scorer": str(id(self))}


class SaysNumbers(Reward):
    """Its fingerprint is a list of numbers."""

    caught_by = "fingerprint_tells_scorers_apart"

    def fingerprint(self) -> Any:
        return [polite("please"), polite("thank")]
