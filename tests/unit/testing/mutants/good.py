"""The objectives that the mutants are made from; all of them pass every check."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion, PreferenceBatch, PreferenceLoss

__all__ = ["Loss", "Reward", "polite"]

_POLITE = frozenset({"please", "thank", "yes", "good"})


def polite(text: str) -> float:
    """Return n/(n + 3) for n long or polite words: something in [0, 1) that differs between texts."""
    count = sum(1 for word in text.lower().split() if len(word) > 4 or word in _POLITE)
    return count / (count + 3)


class Reward:
    """An auxiliary objective that scores each response by itself."""

    needs = Needs()
    caught_by: ClassVar[str]
    also: ClassVar[tuple[str, ...]]

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def rewards(self, completions: Sequence[Completion], /) -> Sequence[float]:
        return [self.score(completion) for completion in completions]

    def score(self, completion: Completion) -> float:
        return polite(completion.response)


class Loss:
    """DPO."""

    needs = Needs(reference=True, pairs=True)
    caught_by: ClassVar[str]
    also: ClassVar[tuple[str, ...]]

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        from torch.nn.functional import logsigmoid

        from upo_sdk.objectives import PreferenceLoss

        return PreferenceLoss(-logsigmoid(0.1 * batch.pair_difference_B(batch.log_ratios_N())))
