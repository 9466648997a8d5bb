"""An objective with nothing to load derives from the base and is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.objectives import AuxiliaryObjective, BaseObjective, Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion


class Constant(BaseObjective):
    needs = Needs()

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        return [1.0 for _ in completions]


def test_what_derives_from_the_base_is_an_objective_and_the_base_alone_is_none() -> None:
    assert isinstance(Constant(), AuxiliaryObjective)
    assert not isinstance(BaseObjective(), AuxiliaryObjective)


def test_what_the_base_adds_does_nothing() -> None:
    objective = Constant()
    objective.setup("cpu")
    objective.close()
    assert vars(objective) == {}
