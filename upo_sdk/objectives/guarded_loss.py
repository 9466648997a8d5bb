"""A preference objective under guard: what goes wrong in somebody's loss is an error that names its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from upo_sdk.errors import TrainingError, UPOError
from upo_sdk.guarded_call import prints_caught
from upo_sdk.objectives.base import BaseObjective
from upo_sdk.objectives.batch import PreferenceLoss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upo_sdk.objectives.batch import PreferenceBatch
    from upo_sdk.objectives.guard import Guard
    from upo_sdk.objectives.protocol import Needs
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["GuardedLoss", "culprit"]


class GuardedLoss(BaseObjective):
    """Satisfies ``PreferenceObjective`` on behalf of a live one, and checks what that one returns.

    The live one is set up and closed by whoever owns it.

    Args:
        live: A preference objective that is set up.
        guard: The run's; it reports what the objective prints.
    """

    def __init__(self, live: LiveObjective, guard: Guard) -> None:
        self.live = live
        self._guard = guard
        self._finite: Tensor | None = None

    @property
    def needs(self) -> Needs:
        """What has to be prepared."""
        return self.live.objective.needs

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the objective's loss.

        Raises:
            TrainingError: The objective raised, or returned something else than one loss per item.
        """
        try:
            with prints_caught(lambda text: self._guard.report_print(self.live, text)):
                result = self.live.preference.loss(batch)
        except (UPOError, torch.OutOfMemoryError):
            raise
        except SystemExit as error:
            raise self._failed(f"called sys.exit({error.code!r})") from error
        except Exception as error:
            raise self._failed(f"raised {type(error).__name__}: {error}") from error
        self._check(result, batch)
        self._remember_whether_finite(result.loss_B, batch)
        return result

    def broken(self) -> TrainingError | None:
        """Return the error that names the objective if it ever made NaN or infinity from finite log-probs."""
        if self._finite is None or bool(self._finite):
            return None
        return self._failed("made NaN or infinity from log-probabilities that were finite")

    def _check(self, result: object, batch: PreferenceBatch) -> None:
        if not isinstance(result, PreferenceLoss):
            raise self._failed(f"returned {type(result).__name__}, not a PreferenceLoss")
        found: Any = result  # a dataclass does not check its fields
        loss_B, metrics = found.loss_B, found.metrics
        if not isinstance(loss_B, Tensor):
            raise self._failed(f"returned a loss_B that is {type(loss_B).__name__}, not a tensor")
        counts = {len(items) for items in (batch.desirable_N, batch.chosen_B) if items is not None}
        if loss_B.dim() != 1 or len(loss_B) not in counts:
            wanted = " or ".join(f"[{count}]" for count in sorted(counts))
            raise self._failed(f"returned a loss of shape {list(loss_B.shape)}, not {wanted}")
        if batch.policy.logps_NT.requires_grad and not loss_B.requires_grad:
            raise self._failed("returned a loss without a gradient by the policy's log-probabilities")
        if not isinstance(metrics, Mapping) or not all(isinstance(value, Tensor) for value in metrics.values()):
            raise self._failed("returned metrics that are not a mapping of tensors")

    def _remember_whether_finite(self, loss_B: Tensor, batch: PreferenceBatch) -> None:
        """Keep the answer on the device, so that no step waits for it."""
        given = batch.policy.sum_N().detach().isfinite().all()
        finite = loss_B.detach().isfinite().all() | ~given
        self._finite = finite if self._finite is None else self._finite & finite

    def _failed(self, what: str) -> TrainingError:
        return TrainingError(
            f"the objective '{self.live.label}' {what}",
            where=self.live.place,
            fix="fix the objective or leave it out; checkpoints that were saved before can be resumed from",
        )


def culprit(losses: Iterable[object]) -> TrainingError | None:
    """Return the error of the first guarded loss that made NaN or infinity by itself, or None."""
    guarded = (loss.broken() for loss in losses if isinstance(loss, GuardedLoss))
    return next((error for error in guarded if error is not None), None)
