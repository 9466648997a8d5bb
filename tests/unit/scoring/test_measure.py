from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from upo_sdk.cache import ContentCache
from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import Completion, Measuring, Needs
from upo_sdk.objectives.guard import Guard
from upo_sdk.plugin.build import LiveObjective
from upo_sdk.scoring import measure_completions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from upo_sdk.objectives import AuxiliaryObjective

COMPLETIONS = [Completion("p", text) for text in ("a bc", "", "a bc", "def")]


class Words:
    """ObjectiveMeasures words and the mean length of a word, which an empty response has not."""

    needs = Needs()

    def __init__(self) -> None:
        self.measured = list[str]()

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [0.5] * len(completions)

    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        texts = [completion.response for completion in completions]
        self.measured += texts
        words = [text.split() for text in texts]
        return {
            "words": [float(len(own)) for own in words],
            "word": [sum(map(len, own)) / len(own) if own else math.nan for own in words],
        }


class Wrong(Words):
    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        return {"words": [1.0] * (len(completions) and 1)}


class Silent:
    needs = Needs()

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [0.5] * len(completions)


def live(objective: AuxiliaryObjective) -> LiveObjective:
    return LiveObjective(
        ref=ObjectiveRef(name="words"),
        label="words",
        objective=objective,
        options=None,
        distribution="d",
        version="1",
        target="m:Words",
        target_sha256="0",
    )


def test_every_measure_has_one_number_per_completion_and_none_where_it_does_not_apply(tmp_path: Path) -> None:
    found = measure_completions(live(Words()), COMPLETIONS, ContentCache(tmp_path / "c.sqlite"), guard=Guard())
    assert list(found) == ["words", "word"]
    np.testing.assert_array_equal(found["words"], [2, 0, 2, 1])
    np.testing.assert_array_equal(found["word"], [1.5, math.nan, 1.5, 3])


def test_equal_completions_are_measured_once_and_never_again(tmp_path: Path) -> None:
    words, cache = Words(), ContentCache(tmp_path / "c.sqlite")
    progress = list[tuple[int, int]]()
    once = measure_completions(live(words), COMPLETIONS, cache, guard=Guard())
    assert words.measured == ["a bc", "", "def"]
    again = measure_completions(
        live(words), COMPLETIONS, cache, guard=Guard(), on_progress=lambda *done: progress.append(done)
    )
    assert len(words.measured) == 3
    assert progress == [(3, 3)]
    for name, values in once.items():
        np.testing.assert_array_equal(again[name], values)


def test_an_objective_that_measures_nothing_has_no_measures(tmp_path: Path) -> None:
    assert not isinstance(Silent(), Measuring)
    assert measure_completions(live(Silent()), COMPLETIONS, ContentCache(tmp_path / "c"), guard=Guard()) == {}


def test_a_wrong_number_of_measures_is_the_objective_s_failure(tmp_path: Path) -> None:
    with pytest.raises(ObjectiveFailedError, match="1 numbers of 'words' for 3 completions"):
        measure_completions(live(Wrong()), COMPLETIONS, ContentCache(tmp_path / "c"), guard=Guard())
