"""The ``dpo`` objective against hand-worked numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from upo_plugins.dpo.loss_types import BATCH_STATISTICS, DIFFERENCE_LOSSES, MEANINGS, SMOOTHED_LOSSES, VARIANTS
from upo_plugins.dpo.losses import hinge_loss, ipo_loss, sigmoid_loss
from upo_plugins.dpo.objective import DPO, LOSSES
from upo_plugins.dpo.options import DPOOptions
from upo_sdk.config import ObjectiveRef
from upo_sdk.objectives import Needs, PreferenceBatch, PreferenceObjective, TokenLogps

LOSS_TYPES = tuple(LOSSES)
EXTREMES = (math.inf, -math.inf, math.nan, 1e9, -1e9)


def batch(policy_NT: Tensor, reference_NT: Tensor, mask_NT: Tensor | None = None) -> PreferenceBatch:
    """Pairs: the first half of the rows is chosen, the second half rejected."""
    mask_NT = torch.ones(policy_NT.shape, dtype=torch.bool) if mask_NT is None else mask_NT
    pairs = len(policy_NT) // 2
    return PreferenceBatch(
        policy=TokenLogps(policy_NT, mask_NT),
        reference=TokenLogps(reference_NT, mask_NT),
        desirable_N=torch.arange(2 * pairs) < pairs,
        chosen_B=torch.arange(pairs),
        rejected_B=torch.arange(pairs) + pairs,
    )


def loss_B(data: PreferenceBatch, **options: Any) -> Tensor:
    return DPO(DPOOptions(**options)).loss(data).loss_B


def golden() -> PreferenceBatch:
    return batch(torch.tensor([[-10.0], [-12.0]]), torch.tensor([[-11.0], [-11.5]]))


def test_it_satisfies_the_protocol_and_needs_pairs_and_a_reference() -> None:
    objective = DPO(DPOOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs(reference=True, pairs=True, margin=True)
    assert not DPO(DPOOptions(loss_type="ipo")).needs.margin


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_only_sorted_losses_say_that_they_depend_on_the_batch(loss_type: Any) -> None:
    assert DPO(DPOOptions(loss_type=loss_type)).needs.batch_statistic == loss_type.startswith("aot")


def test_every_loss_type_has_a_function_and_a_meaning() -> None:
    assert set(LOSSES) == set(MEANINGS)
    assert set(LOSSES) >= DIFFERENCE_LOSSES | SMOOTHED_LOSSES | BATCH_STATISTICS


def test_the_golden_number_of_the_method() -> None:
    # Δ = (−10 + 12) − (−11 + 11.5) = 1.5; −log σ(.15)
    assert loss_B(golden()).tolist() == pytest.approx([0.62095705])


def test_a_policy_that_is_its_reference_costs_log_two_per_pair() -> None:
    logps_NT = -torch.rand(6, 5)
    assert loss_B(batch(logps_NT, logps_NT)).tolist() == pytest.approx([math.log(2)] * 3)


def test_label_smoothing_mixes_in_the_flipped_label() -> None:
    # .9·.62095705 + .1·(−log σ(−.15) = .77095705)
    assert loss_B(golden(), label_smoothing=0.1).tolist() == pytest.approx([0.63595705])


def test_ipo_squares_the_distance_from_half_over_beta() -> None:
    # One token each, so the means are the sums: (1.5 − 5)².
    assert loss_B(golden(), loss_type="ipo").tolist() == pytest.approx([12.25])


def test_ipo_averages_over_the_tokens_of_each_response() -> None:
    mask_NT = torch.tensor([[True, True, True, True], [True, True, False, False]])
    policy_NT = torch.tensor([[-1.0, -2, -3, -4], [-1, -4, 0, 0]])
    reference_NT = torch.tensor([[-2.0, -2, -2, -2], [-1, -2, 0, 0]])
    # Means −2.5 and −2.5, reference −2 and −1.5: Δ̄ = −.5 + 1 = .5; (.5 − 1/(2·.25))² = 2.25. By sums Δ = 0.
    assert loss_B(batch(policy_NT, reference_NT, mask_NT), loss_type="ipo", beta=0.25).tolist() == pytest.approx([2.25])


def test_hinge_is_one_minus_the_margin_and_never_negative() -> None:
    assert loss_B(golden(), loss_type="hinge").tolist() == pytest.approx([0.85])
    assert loss_B(golden(), loss_type="hinge", beta=2.0).tolist() == [0]
    # .8·.85 + .2·1.15
    assert loss_B(golden(), loss_type="hinge", label_smoothing=0.2).tolist() == pytest.approx([0.91])


def test_each_pair_is_chosen_against_its_own_rejected_response() -> None:
    data = batch(torch.tensor([[-1.0], [-2.0], [-3.0], [-9.0]]), torch.zeros(4, 1))
    assert loss_B(data, loss_type="hinge").tolist() == pytest.approx([1 - 0.2, 1 - 0.7])


@pytest.mark.parametrize("loss_type", ["sigmoid", "sigmoid_norm", "robust", "hinge", "ipo", "exo_pair", "aot_unpaired"])
def test_the_gradient_pushes_the_chosen_up_and_the_rejected_down_alike(loss_type: str) -> None:
    policy_NT = torch.tensor([[-2.0, -1.0], [-2.5, -1.0]], requires_grad=True)
    data = batch(policy_NT, torch.tensor([[-2.0, -1.2], [-2.0, -1.0]]))
    smoothing = 0.1 if loss_type in SMOOTHED_LOSSES else 0.0
    loss_B(data, loss_type=loss_type, label_smoothing=smoothing).sum().backward()  # type: ignore[no-untyped-call]
    assert policy_NT.grad is not None
    descent_NT = -policy_NT.grad
    assert (descent_NT[0] > 0).all()
    assert (descent_NT[1] < 0).all()
    torch.testing.assert_close(descent_NT[0], -descent_NT[1])


def test_at_the_reference_the_gradient_is_half_of_beta() -> None:
    policy_NT = torch.tensor([[-2.0], [-3.0]], requires_grad=True)
    loss_B(batch(policy_NT, policy_NT.detach()), beta=0.1).sum().backward()  # type: ignore[no-untyped-call]
    assert policy_NT.grad is not None
    assert policy_NT.grad.flatten().tolist() == pytest.approx([-0.05, 0.05])


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
@pytest.mark.parametrize("extreme", EXTREMES)
def test_masked_positions_change_neither_loss_nor_gradient(loss_type: str, extreme: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mask_NT = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 0]], dtype=torch.bool)
    policy_NT, reference_NT = -torch.rand(2, 4, 4, generator=generator)

    def losses_and_gradient(fill: float) -> tuple[Tensor, Tensor]:
        leaf_NT = policy_NT.masked_fill(~mask_NT, fill).requires_grad_()
        losses = loss_B(batch(leaf_NT, reference_NT.masked_fill(~mask_NT, fill), mask_NT), loss_type=loss_type)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        assert leaf_NT.grad is not None
        return losses.detach(), leaf_NT.grad

    plain, planted = losses_and_gradient(0.0), losses_and_gradient(extreme)
    assert torch.equal(plain[0], planted[0])
    assert torch.equal(plain[1], planted[1])
    assert (planted[1][~mask_NT] == 0).all()


@given(st.floats(-100, 100), st.floats(0.01, 5), st.floats(0, 0.49))
def test_the_pure_functions_equal_their_formulas(difference: float, beta: float, smoothing: float) -> None:
    margin, delta = beta * difference, torch.tensor([difference], dtype=torch.float64)

    def softplus(x: float) -> float:
        return max(x, 0) + math.log1p(math.exp(-abs(x)))

    sigmoid = (1 - smoothing) * softplus(-margin) + smoothing * softplus(margin)
    hinge = (1 - smoothing) * max(0, 1 - margin) + smoothing * max(0, 1 + margin)
    assert sigmoid_loss(delta, beta, smoothing).item() == pytest.approx(sigmoid)
    assert hinge_loss(delta, beta, smoothing).item() == pytest.approx(hinge)
    assert ipo_loss(delta, beta).item() == pytest.approx((difference - 0.5 / beta) ** 2)


@pytest.mark.parametrize("loss_type", LOSS_TYPES)
def test_a_huge_log_ratio_stays_finite(loss_type: str) -> None:
    policy_NT = torch.tensor([[-5e3], [-1.0]], requires_grad=True)
    losses = loss_B(batch(policy_NT, torch.tensor([[-1.0], [-5e3]])), loss_type=loss_type)
    losses.sum().backward()  # type: ignore[no-untyped-call]
    assert policy_NT.grad is not None
    assert losses.isfinite().all()
    assert policy_NT.grad.isfinite().all()


@pytest.mark.parametrize("loss_type", sorted(set(LOSS_TYPES) - BATCH_STATISTICS))
def test_swapping_pairs_swaps_losses(loss_type: str) -> None:
    policy_NT, reference_NT = -torch.rand(2, 6, 3)
    order = torch.tensor([2, 0, 1])
    rows = torch.cat([order, order + 3])
    losses = loss_B(batch(policy_NT, reference_NT), loss_type=loss_type)
    torch.testing.assert_close(loss_B(batch(policy_NT[rows], reference_NT[rows]), loss_type=loss_type), losses[order])


def test_options_survive_a_round_trip() -> None:
    options = DPOOptions(beta=0.3, label_smoothing=0.2, loss_type="hinge", ld_alpha=0.5)
    assert DPOOptions.model_validate(options.model_dump()) == options


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("dpo", "sigmoid"),
        ("slic", "hinge"),
        ("exo", "exo_pair"),
        ("nca", "nca_pair"),
        ("bco", "bco_pair"),
        ("sppo", "sppo_hard"),
    ],
)
def test_the_name_of_a_paper_is_an_alias_that_its_meaning_mentions(alias: str, name: Any) -> None:
    assert DPOOptions.model_validate({"loss_type": alias}).loss_type == name
    assert f"(alias {alias})" in MEANINGS[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_a_variant_says_to_write_is_right(name: str) -> None:
    for text in VARIANTS[name].split(" or "):
        ref = ObjectiveRef.model_validate(text)
        assert ref.name == "dpo"
        DPOOptions.model_validate(ref.options)


def test_exo_takes_the_smoothing_of_its_paper_unless_told_otherwise() -> None:
    assert DPOOptions(loss_type="exo_pair").smoothing == 1e-3
    assert DPOOptions(loss_type="exo_pair", label_smoothing=0.1).smoothing == 0.1
    assert DPOOptions().smoothing == 0


@pytest.mark.parametrize(
    "values",
    [
        {"betta": 1},
        {"beta": 0},
        {"beta": -1},
        {"label_smoothing": 0.5},
        {"loss_type": "simpo"},
        {"loss_type": 3},
        {"ld_alpha": 1.1},
        {"ld_alpha": -0.1},
        {"discopop_tau": 0},
    ],
)
def test_a_wrong_option_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DPOOptions.model_validate(values)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"loss_type": "ipo", "label_smoothing": 0.1}, "label_smoothing has no meaning for loss_type=ipo"),
        ({"loss_type": "nca_pair", "f_divergence_type": "js_divergence"}, "only for discopop, exo_pair, hinge"),
        ({"loss_type": "aot", "use_weighting": True}, "use_weighting cannot weigh"),
        ({"discopop_tau": 0.1}, "discopop_tau belongs to loss_type=discopop"),
        ({"f_alpha_divergence_coef": 2.0}, "belongs to f_divergence_type=alpha_divergence"),
    ],
)
def test_an_option_without_effect_is_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        DPOOptions.model_validate(values)


def test_neither_the_hook_nor_the_options_import_torch() -> None:
    code = "import sys, upo_plugins.dpo, upo_plugins.dpo.options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_margin_in_the_data_is_subtracted_from_the_logit() -> None:
    def token_logps(totals: list[float]) -> TokenLogps:
        return TokenLogps(torch.tensor(totals, dtype=torch.float64).unsqueeze(-1), torch.ones(2, 1, dtype=torch.bool))

    batch = PreferenceBatch(
        policy=token_logps([-10.0, -12.0]),
        reference=token_logps([-11.0, -11.5]),
        desirable_N=torch.tensor([True, False]),
        chosen_B=torch.tensor([0]),
        rejected_B=torch.tensor([1]),
        margin_B=torch.tensor([0.25]),  # 0.5 · (0.9 − 0.4)
    )
    assert DPO(DPOOptions()).loss(batch).loss_B.item() == pytest.approx(0.74439666, abs=1e-7)
    hinge = DPO(DPOOptions(loss_type="hinge")).loss(batch)
    assert hinge.loss_B.item() == pytest.approx(1 - (0.1 * 1.5 - 0.25))
