"""Rewards that are no numbers, too few, or break on texts that real data holds."""

from __future__ import annotations

import array
import math
import os
import re
import statistics
from typing import TYPE_CHECKING, Any

from good import Reward, polite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion

__all__ = [
    "AsksForAPath",
    "ChargesPerWord",
    "CountsInSixteenBits",
    "DividesByWords",
    "DropsDuplicates",
    "FillsATemplate",
    "GivesNone",
    "GivesNotANumber",
    "GivesText",
    "GrowsExponentially",
    "NeedsLatinLetters",
    "NeedsOneCompletion",
    "NeedsTwoWords",
]


class DropsDuplicates(Reward):
    """Equal responses are scored once."""

    caught_by = "one_score_per_completion"

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [polite(text) for text in dict.fromkeys(item.response for item in completions)]


class NeedsOneCompletion(Reward):
    """It looks at the first completion, also where there is none."""

    caught_by = "one_score_per_completion"

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        kind = type(completions[0])
        return [self.score(item) for item in completions if isinstance(item, kind)]


class GivesText(Reward):
    """Scores are texts."""

    caught_by = "one_score_per_completion"

    def rewards(self, completions: Sequence[Completion], /) -> Any:
        return [f"{self.score(item):.2f}" for item in completions]


class GivesNone(Reward):
    """A response without anything polite has no score."""

    caught_by = "one_score_per_completion"

    def score(self, completion: Completion) -> Any:
        return polite(completion.response) if "please" in completion.response.lower() else None


class GivesNotANumber(Reward):
    """A response without a question has the mean of nothing."""

    caught_by = "scores_are_finite"

    def score(self, completion: Completion) -> float:
        return polite(completion.response) if "?" in completion.response else math.nan


class ChargesPerWord(Reward):
    """Scores exceed the declared bounds."""

    caught_by = "scores_lie_in_the_declared_bounds"

    def score(self, completion: Completion) -> float:
        return len(completion.response.split()) / 10


class DividesByWords(Reward):
    """It divides by the number of words."""

    caught_by = "scores_empty"

    def score(self, completion: Completion) -> float:
        words = completion.response.split()
        return min(1.0, sum(map(len, words)) / len(words) / 100)


class NeedsTwoWords(Reward):
    """It takes the spread of the words' lengths, which one word does not have."""

    caught_by = "scores_one_word"

    def score(self, completion: Completion) -> float:
        lengths = [len(word) for word in completion.response.split()]
        return 1 / (1 + statistics.stdev(lengths)) if lengths else 0.0


class GrowsExponentially(Reward):
    """It overflows on long texts."""

    caught_by = "scores_three_thousand_words"

    def score(self, completion: Completion) -> float:
        return 1 / 2.0 ** len(completion.response.split())


class CountsInSixteenBits(Reward):
    """It stores characters in two bytes each, which emoji exceed."""

    caught_by = "scores_emoji"

    def score(self, completion: Completion) -> float:
        codes = array.array("H", map(ord, completion.response))
        return len(set(codes)) / (1 + len(codes))


class NeedsLatinLetters(Reward):
    """It takes the logarithm of the share of Latin letters."""

    caught_by = "scores_right_to_left"

    def score(self, completion: Completion) -> float:
        letters = [character for character in completion.response if character.isalpha()]
        latin = re.findall("[A-Za-z]", completion.response)
        return 1 + math.log(len(latin) / len(letters)) / 100 if letters else 0.0


class FillsATemplate(Reward):
    """It formats the response, whose braces are code."""

    caught_by = "scores_code"

    def score(self, completion: Completion) -> float:
        return polite(completion.response.format())


class AsksForAPath(Reward):
    """It asks the file system about the response, which takes no null byte."""

    caught_by = "scores_null_byte"

    def score(self, completion: Completion) -> float:
        try:
            os.stat(completion.response)  # noqa: PTH116 - pathlib would hide the mistake
        except OSError:
            return polite(completion.response)
        return 0.0
