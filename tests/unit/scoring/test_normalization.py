"""Rewards on a common scale: hand-worked values, and what a z-score may not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.loss import advantage_weights
from upo_sdk.scoring import NORMALIZATION_FILE, Rank, ZScore, fit_normalizer, read_normalizers, to_json

if TYPE_CHECKING:
    from pathlib import Path

REWARDS = np.array([1.0, 3.0, 3.0, 5.0])


def test_a_z_score_has_mean_zero_and_deviation_one_on_the_training_data() -> None:
    normalizer = fit_normalizer("zscore", REWARDS)
    assert normalizer == ZScore(mean=3.0, std=2**0.5)
    assert normalizer(REWARDS).tolist() == pytest.approx([-(2**0.5), 0, 0, 2**0.5])
    assert normalizer(np.array([7.0])).tolist() == pytest.approx([2 * 2**0.5])  # other data: the same scale


def test_equal_rewards_stay_where_the_mean_is() -> None:
    assert fit_normalizer("zscore", np.full(3, 0.7))(np.array([0.7, 0.9])).tolist() == pytest.approx([0, 0.2])


def test_a_rank_is_the_share_of_lower_rewards_with_half_of_the_equal_ones() -> None:
    normalizer = fit_normalizer("rank", REWARDS)
    assert normalizer(REWARDS).tolist() == [0.125, 0.5, 0.5, 0.875]
    assert normalizer(np.array([-9.0, 2.0, 4.0, 9.0])).tolist() == [0.0, 0.25, 0.75, 1.0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_ranks_have_mean_one_half_and_keep_the_order(rewards: list[float]) -> None:
    ranks = fit_normalizer("rank", np.array(rewards))(np.array(rewards))
    assert ranks.mean() == pytest.approx(0.5)
    assert (np.diff(ranks[np.argsort(rewards)]) >= 0).all()


def test_a_z_score_with_its_weight_scaled_back_gives_the_same_advantage_weights() -> None:
    normalizer = fit_normalizer("zscore", REWARDS)
    assert isinstance(normalizer, ZScore)
    rewards, normalised = torch.from_numpy(REWARDS), torch.from_numpy(normalizer(REWARDS))
    weight, value = 0.3, torch.full((4,), 0.4, dtype=torch.float64)
    raw = advantage_weights(weight * rewards, value, 5.0)
    scaled = advantage_weights(weight * normalizer.std * normalised, value - weight * normalizer.mean, 5.0)
    assert torch.allclose(raw, scaled)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=20))
def test_what_is_written_is_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, rewards: list[float]) -> None:
    folder: Path = tmp_path_factory.mktemp("run")
    kept = {"a": fit_normalizer("zscore", np.array(rewards)), "b": fit_normalizer("rank", np.array(rewards))}
    (folder / NORMALIZATION_FILE).write_text(to_json(kept), encoding="utf-8")
    assert read_normalizers(folder) == kept


def test_a_folder_without_the_file_has_no_normalisation(tmp_path: Path) -> None:
    assert read_normalizers(tmp_path) == {}
    assert Rank(values=(1.0,), counts=(2,)).summary() == {"method": "rank", "completions": 2, "distinct": 1}
