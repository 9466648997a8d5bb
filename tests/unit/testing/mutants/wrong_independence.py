"""Rewards that depend on more than their own completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from good import Reward, polite

from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion

__all__ = [
    "ComparesWithTheBatch",
    "HashesTheText",
    "NotesInTheColumns",
    "PaysTheFirst",
    "ReadsATopic",
    "ReadsTheTopicItNames",
    "ReadsTokenCounts",
    "SharesABudget",
    "TakesAnyWord",
    "WearsOut",
]


class ReadsTheTopicItNames(Reward):
    """A good one, with a column and token counts."""

    needs = Needs(columns=frozenset({"topic"}), token_counts=True)

    def score(self, completion: Completion) -> float:
        assert completion.token_count is not None
        return len(str(completion.columns["topic"])) / (50 + completion.token_count)


class ComparesWithTheBatch(Reward):
    """Scores are divided by the best score of the batch."""

    caught_by = "independent_of_neighbours"
    also = ("independent_of_batch_size",)

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        own = [self.score(item) for item in completions]
        best = max(own, default=0.0) or 1.0
        return [score / best for score in own]


class PaysTheFirst(Reward):
    """Scores fall with the position in the batch."""

    caught_by = "independent_of_order"
    also = ("independent_of_batch_size",)

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [self.score(item) / (1 + number) for number, item in enumerate(completions)]


class SharesABudget(Reward):
    """Scores are divided by the size of the batch."""

    caught_by = "independent_of_batch_size"

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [self.score(item) / len(completions) for item in completions]


class NotesInTheColumns(Reward):
    """It keeps its score in the columns of the completion."""

    caught_by = "leaves_completions_alone"

    def score(self, completion: Completion) -> float:
        columns: Any = completion.columns
        columns["polite"] = polite(completion.response)
        return float(columns["polite"])


class ReadsATopic(Reward):
    """It reads a column that its needs do not name."""

    caught_by = "reads_only_what_it_declares"

    def score(self, completion: Completion) -> float:
        return polite(f"{completion.columns.get('topic', '')} {completion.response}")


class ReadsTokenCounts(Reward):
    """It reads the token count, which is there only if another objective asks for it."""

    caught_by = "reads_only_what_it_declares"

    def score(self, completion: Completion) -> float:
        return polite(completion.response) / (1 + (completion.token_count or 0))


class HashesTheText(Reward):
    """``hash()`` of a text differs from process to process."""

    caught_by = "same_in_another_process"

    def score(self, completion: Completion) -> float:
        return hash(completion.response) % 1000 / 1000


class TakesAnyWord(Reward):
    """The first word of a set is another one in each process."""

    caught_by = "same_in_another_process"

    def score(self, completion: Completion) -> float:
        return len(next(iter(set(completion.response.split())), "")) / 100


class WearsOut(Reward):
    """Each call lowers the scores."""

    caught_by = "repeats_itself"
    also = (
        "independent_of_neighbours",
        "independent_of_order",
        "independent_of_batch_size",
        "reads_only_what_it_declares",
        "setup_and_close_repeat",
    )

    def __init__(self) -> None:
        self.calls = 0

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        self.calls += 1
        return [self.score(item) / self.calls for item in completions]
