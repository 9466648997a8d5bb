"""Somebody's objective misbehaves in every way we could think of; each time its owner is named."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError, OfflineError, TrainingError
from upo_sdk.objectives import Completion, Needs, PreferenceBatch, PreferenceLoss, TokenLogps
from upo_sdk.objectives.guard import Guard
from upo_sdk.objectives.guarded_loss import GuardedLoss, culprit
from upo_sdk.plugin.build import LiveObjective

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMPLETIONS = [Completion("p", "a"), Completion("p", "b")]


def hangs(_completions: object) -> None:
    threading.Event().wait(60)


class Patchwork:
    """An objective made of whatever a test gives it."""

    needs = Needs(pairs=True)

    def __init__(self, **parts: Callable[..., Any]) -> None:
        self.setup = parts.get("setup", lambda _device: None)
        self.close = parts.get("close", lambda: None)
        for name in ("rewards", "loss", "fit", "fingerprint"):
            if name in parts:
                setattr(self, name, parts[name])


def live(**parts: Callable[..., Any]) -> LiveObjective:
    return LiveObjective(
        ref=ObjectiveRef(name="polite"),
        label="polite",
        objective=Patchwork(**parts),
        options=None,
        distribution="acme-words",
        version="1.2",
        target="acme_words:Polite",
        target_sha256="",
    )


def rewards_of(function: Callable[[Sequence[Completion]], Any], **guard: Any) -> list[float]:
    return Guard(**guard).rewards(live(rewards=function), COMPLETIONS)


@pytest.mark.parametrize("returned", [[0.5, 1], (0.5, 1.0), np.array([0.5, 1.0]), torch.tensor([0.5, 1.0])])
def test_numbers_of_any_kind_are_rewards(returned: Any) -> None:
    assert rewards_of(lambda _completions: returned) == [0.5, 1.0]


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda _c: 1 / 0, "raised ZeroDivisionError while it scored 2 completions: division by zero"),
        (lambda _c: sys.exit(3), r"called sys.exit\(3\) while it scored 2 completions"),
        (hangs, "was not done after 0.05 seconds while it scored 2 completions"),
        (lambda _c: [1.0], "returned 1 rewards for 2 completions"),
        (lambda _c: [1.0, 2.0, 3.0], "returned 3 rewards for 2 completions"),
        (lambda _c: [1.0, float("nan")], "returned nan for the response 'b'"),
        (lambda _c: [float("-inf"), 1.0], "returned -inf for the response 'a'"),
        (lambda _c: None, "not a list of numbers: None"),
        (lambda _c: "10", "not a list of numbers: '10'"),
        (lambda _c: ["1.0", "0.0"], "not a list of numbers: "),
        (lambda _c: [1.0, None], "not a list of numbers: "),
        (lambda _c: 0.5, "not a list of numbers: 0.5"),
        (lambda _c: [[1.0, 2.0], [1.0, 2.0]], "not a list of numbers: "),
    ],
)
def test_rewards_that_go_wrong_name_the_objective_and_its_distribution(
    function: Callable[[Sequence[Completion]], Any], complaint: str
) -> None:
    with pytest.raises(ObjectiveFailedError, match=f"'polite' .*{complaint}") as caught:
        rewards_of(function, seconds=0.05 if function is hangs else 30)
    assert caught.value.where == "acme_words:Polite of acme-words 1.2"
    assert "what was scored before is kept" in (caught.value.fix or "")


@pytest.mark.parametrize("error", [OfflineError("no network"), KeyboardInterrupt()])
def test_errors_with_a_message_of_their_own_and_interrupts_pass(error: BaseException) -> None:
    def raises(_completions: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        rewards_of(raises, seconds=30)
    assert caught.value is error


def test_a_print_is_reported_once_with_its_owner_and_kept_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    reported: list[str] = []
    guard, noisy = (
        Guard(report=reported.append),
        live(rewards=lambda c: [sys.stdout.write("scoring!")] and [0.0] * len(c)),
    )
    guard.rewards(noisy, COMPLETIONS)
    guard.rewards(noisy, COMPLETIONS)
    (text,) = reported
    assert "'polite' of acme-words 1.2 prints" in text
    assert "'scoring!'" in text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
@pytest.mark.parametrize("part", ["setup", "close", "fit", "fingerprint"])
def test_whatever_else_is_called_is_guarded_too(part: str, error: BaseException) -> None:
    def raises(*_: object) -> None:
        raise error

    broken, guard = live(rewards=lambda _c: [], **{"fit": lambda _c: None, "fingerprint": dict, part: raises}), Guard()

    def use() -> None:
        with guard.set_up(broken, "cpu"):
            guard.fit(broken, COMPLETIONS)
            guard.fingerprint(broken)

    with pytest.raises(ObjectiveFailedError, match=r"'polite' .*(while|when)") as caught:
        use()
    assert "acme-words 1.2" in (caught.value.where or "")


def test_what_was_set_up_is_closed_whatever_happens() -> None:
    closed: list[str] = []
    item = live(rewards=lambda _c: [], close=lambda: closed.append("closed"))
    with pytest.raises(RuntimeError), Guard().set_up(item, "cpu"):
        raise RuntimeError
    assert closed == ["closed"]


def batch(policy: float = -1.0) -> PreferenceBatch:
    mask = torch.ones(2, 3, dtype=torch.bool)
    return PreferenceBatch(
        policy=TokenLogps(torch.full((2, 3), policy, requires_grad=True), mask),
        reference=None,
        desirable_N=torch.tensor([True, False]),
        chosen_B=torch.tensor([0]),
        rejected_B=torch.tensor([1]),
    )


def per_pair(given: PreferenceBatch) -> PreferenceLoss:
    return PreferenceLoss(-given.pair_difference_B(given.policy.sum_N()))


def test_a_loss_per_pair_or_per_completion_passes_as_it_is() -> None:
    guarded = GuardedLoss(live(loss=per_pair), Guard())
    assert guarded.loss(batch()).loss_B.tolist() == [0.0]
    assert GuardedLoss(live(loss=lambda b: PreferenceLoss(-b.policy.sum_N())), Guard()).loss(batch()).loss_B.shape == (
        2,
    )
    with torch.no_grad():
        detached = GuardedLoss(live(loss=lambda b: PreferenceLoss(b.policy.sum_N().detach())), Guard())
        without_gradient = PreferenceBatch(TokenLogps(torch.zeros(2, 3), batch().policy.mask_NT), None, torch.ones(2))
        assert detached.loss(without_gradient).loss_B.shape == (2,)


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        (lambda _b: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda _b: sys.exit(None), r"called sys.exit\(None\)"),
        (lambda b: b.policy.sum_N(), "returned Tensor, not a PreferenceLoss"),
        (lambda _b: None, "returned NoneType, not a PreferenceLoss"),
        (lambda _b: PreferenceLoss(0.5), "returned a loss_B that is float, not a tensor"),  # type: ignore[arg-type]
        (lambda b: PreferenceLoss(b.policy.sum_N().mean()), r"returned a loss of shape \[\], not \[1\] or \[2\]"),
        (lambda b: PreferenceLoss(b.policy.logps_NT), r"returned a loss of shape \[2, 3\], not \[1\] or \[2\]"),
        (lambda b: PreferenceLoss(b.policy.sum_N().detach()), "returned a loss without a gradient"),
        (lambda b: PreferenceLoss(b.policy.sum_N(), {"x": 1.0}), "returned metrics that are not a mapping of tensors"),
    ],
)
def test_a_loss_that_goes_wrong_names_the_objective_and_its_distribution(
    loss: Callable[[PreferenceBatch], Any], complaint: str
) -> None:
    with pytest.raises(TrainingError, match=f"'polite' {complaint}") as caught:
        GuardedLoss(live(loss=loss), Guard()).loss(batch())
    assert caught.value.where == "acme_words:Polite of acme-words 1.2"


def test_the_loss_that_made_infinity_of_finite_log_probs_is_the_culprit() -> None:
    innocent = GuardedLoss(live(loss=per_pair), Guard())
    guilty = GuardedLoss(live(loss=lambda b: PreferenceLoss(b.policy.sum_N() / 0)), Guard())
    innocent.loss(batch(float("nan")))
    assert culprit([innocent, guilty]) is None
    guilty.loss(batch())
    guilty.loss(batch())
    error = culprit([object(), innocent, guilty])
    assert error is not None
    assert "'polite' made NaN or infinity" in error.what
    assert "acme-words 1.2" in (error.where or "")
