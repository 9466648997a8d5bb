"""The ``cpo`` objective against hand-worked numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from upo_plugins.cpo.objective import CPO
from upo_plugins.cpo.options import CPOOptions
from upo_sdk.objectives import Needs, PreferenceObjective

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.objectives import PreferenceBatch

    Batches = Callable[..., PreferenceBatch]


def test_it_satisfies_the_protocol_and_needs_pairs_but_no_reference() -> None:
    objective = CPO(CPOOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs(pairs=True)


@pytest.mark.parametrize(("alpha", "depends"), [(1.0, True), (0.0, False)])
def test_it_depends_on_the_batch_only_through_a_likelihood_over_the_batch(alpha: float, *, depends: bool) -> None:
    assert CPO(CPOOptions(average="batch", cpo_alpha=alpha)).needs.batch_statistic is depends


@pytest.mark.parametrize(
    ("options", "contrast"),
    [
        ({}, 0.74439666),  # sums −4 and −3: −log σ(−.1)
        ({"label_smoothing": 0.1}, 0.73439666),  # .9·.74439666 + .1·.64439666
        ({"loss_type": "hinge"}, 1.1),
        ({"loss_type": "ipo"}, 16.0),  # means −2 and −3: (1 − 5)²
        ({"loss_type": "simpo", "beta": 2.0}, 0.20141328),  # −log σ(2·1 − .5)
    ],
)
def test_the_loss_is_a_contrast_plus_the_mean_likelihood_of_the_chosen(
    free_pairs: Batches, options: dict[str, Any], contrast: float
) -> None:
    result = CPO(CPOOptions(**options)).loss(free_pairs([[-1, -3]], [[-3]]))
    assert result.loss_B.tolist() == pytest.approx([contrast + 2])
    assert result.metrics["cpo/contrast"].item() == pytest.approx(contrast)
    assert result.metrics["cpo/likelihood"].item() == pytest.approx(2)


def test_the_likelihood_has_a_weight(free_pairs: Batches) -> None:
    result = CPO(CPOOptions(cpo_alpha=0.5)).loss(free_pairs([[-1, -3]], [[-3]]))
    assert result.loss_B.tolist() == pytest.approx([0.74439666 + 1])


def test_over_the_batch_every_token_counts_alike(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3], [-5]], [[-4], [-5]])
    options = CPOOptions(average="batch", loss_type="hinge", beta=1e-9)
    assert CPO(options).loss(batch).loss_B.mean().item() == pytest.approx(1 + 3)  # (1 + 3 + 5) / 3 tokens


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"beta": 0}, "greater than 0"),
        ({"cpo_alpha": -1}, "greater than or equal to 0"),
        ({"loss_type": "hinge", "label_smoothing": 0.1}, "no meaning for loss_type=hinge"),
        ({"simpo_gamma": 1.0}, "simpo_gamma belongs to loss_type=simpo"),
    ],
)
def test_a_wrong_option_is_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        CPOOptions.model_validate(values)
