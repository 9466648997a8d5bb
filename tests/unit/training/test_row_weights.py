"""A row of weight 2 is a row that is there twice, one of weight 0 is not there: from the rows to loss and gradient."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from upo_plugins.cpo.objective import CPO
from upo_plugins.cpo.options import CPOOptions
from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_plugins.orpo.objective import ORPO
from upo_plugins.orpo.options import ORPOOptions
from upo_plugins.sft.objective import SFT
from upo_plugins.sft.options import SFTOptions
from upo_plugins.simpo.objective import SimPO
from upo_plugins.simpo.options import SimPOOptions
from upo_sdk.config import LossConfig
from upo_sdk.data.split import sample_rows
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss, balance
from upo_sdk.policy.layouts import PolicyOutput
from upo_sdk.scoring import data_baseline, fit_normalizer
from upo_sdk.training.rows import PreparedRows, loss_inputs
from upo_sdk.training.step import Step, sample_weights_N
from upo_sdk.training.tokenized_rows import TokenizedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# the prompt, the responses' tokens, and what two objectives think of them; the first two rows ask the same
ROWS: list[tuple[int, list[list[int]], list[list[float]]]] = [
    (1, [[2, 3], [4]], [[0.9, 0.2], [0.1, 0.2]]),
    (1, [[5], [6, 2, 3]], [[0.5, 0.9], [0.5, 0.1]]),
    (3, [[6, 6], [1]], [[0.2, 0.4], [0.8, 0.3]]),
    (4, [[0, 1, 2], [3, 0]], [[0.3, 0.8], [0.7, 0.6]]),
]
VOCABULARY = 8

OBJECTIVES: dict[str, Callable[[], Any]] = {
    "dpo": lambda: DPO(DPOOptions()),
    "kto": lambda: KTO(KTOOptions()),
    "simpo": lambda: SimPO(SimPOOptions()),
    "cpo": lambda: CPO(CPOOptions()),
    "orpo": lambda: ORPO(ORPOOptions()),
    "sft": lambda: SFT(SFTOptions()),
}


def outcome(
    weights: Sequence[float] | None, copies: Sequence[int], *, objective: str, baseline: Any, normalize: Any
) -> dict[str, Any]:
    """Return normaliser, baseline, loss, gradients and the balanced γ of one step on all rows."""
    rows = [row for row, count in zip(ROWS, copies, strict=True) for _ in range(count)]
    weight_R = None if weights is None else np.array(weights, dtype=float)
    weight_N = None if weight_R is None else np.repeat(weight_R, 2)
    found: dict[str, Any] = {}
    rewards_NK = np.concatenate([np.array(rewards) for _, _, rewards in rows])
    if normalize != "none":
        fitted = [fit_normalizer(normalize, rewards_N, weight_N) for rewards_N in rewards_NK.T]
        rewards_NK = np.stack([fit(rewards_N) for fit, rewards_N in zip(fitted, rewards_NK.T, strict=True)], axis=1)
        found["normalised"] = [fit(np.array([0.15, 0.5, 0.85])).tolist() for fit in fitted]
    baseline_R = None
    if baseline != "value":
        prompts = [str(prompt) for prompt, _, _ in rows]
        total_N = rewards_NK @ np.array([0.3, 0.2])
        baseline_R = data_baseline(baseline, prompts, np.full(len(rows), 2), total_N, 5.0, weight_R)
        counted = np.ones(len(rows)) if weight_R is None else weight_R
        found["baseline"] = dict(zip(np.array(prompts)[counted > 0], baseline_R[counted > 0], strict=True))
    unified, loss, gradients, gamma = _step(rows, rewards_NK, baseline_R, weight_R, objective, weight_N)
    del unified
    return found | {"loss": loss, "gradients": gradients, "gamma": gamma}


def _step(
    rows: list[Any],
    rewards_NK: np.ndarray[Any, Any],
    baseline_R: Any,
    weight_R: Any,
    objective: str,
    weight_N: Any,
) -> tuple[UnifiedLoss, float, list[list[float]], float]:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [[prompt] for prompt, _, _ in rows],
            "response_ids": [responses for _, responses, _ in rows],
            "desirable": [[True, False]] * len(rows),
        }
    )
    branches = TokenizedRows(dataset, mismatched=objective == "kto", max_length=9)
    reference = [[np.full(len(ids), -2.0, np.float32) for ids in row.response_ids] for row in _all(branches)]
    prepared = PreparedRows(
        dataset,
        branches,
        rewards_NK,
        baseline_R=baseline_R,
        sample_weight_R=weight_R,
        reference=reference,  # type: ignore[arg-type]
    )
    batch = prepared.__getitems__(range(len(rows)))
    inputs = loss_inputs(batch)
    torch.manual_seed(0)
    table = torch.randn(VOCABULARY, VOCABULARY, requires_grad=True)
    means_K = [float(np.average(rewards_N, weights=weight_N)) for rewards_N in rewards_NK.T]
    unified = UnifiedLoss(
        [PreferenceTerm(objective, 1.0, OBJECTIVES[objective]())],
        [AuxiliaryTerm(name, w, mean) for name, w, mean in zip("ab", (0.3, 0.2), means_K, strict=True)],
        LossConfig(gate_steps=0),
        hidden_size=VOCABULARY if baseline_R is None else None,
    )
    states_PH = table.detach()[[row.branches.prompt_ids[0] for row in batch]]
    output = PolicyOutput(_log_probs(table, batch, inputs["mask_NT"]), states_PH)
    step = Step(unified=unified, beta=0.1)
    result = step(output, inputs, step=0)
    result.loss.backward()
    gradients = [table.grad, *(item.grad for item in unified.parameters())]
    at_start = step.preference_batch(output, inputs)
    auxiliary = step.auxiliary_batch(output, inputs)
    gamma = balance(unified, at_start, auxiliary, sample_weight_N=sample_weights_N(inputs)).gamma
    return unified, result.loss.item(), [item.flatten().tolist() for item in gradients if item is not None], gamma


def _all(branches: TokenizedRows) -> list[Any]:
    return branches.fetch(range(len(branches)))  # type: ignore[arg-type]


def _log_probs(table: torch.Tensor, batch: list[Any], mask_NT: torch.Tensor) -> torch.Tensor:
    """A language model in which the prompt decides about every token alike."""
    rows = [
        torch.nn.functional.pad(table[row.branches.prompt_ids[0]].log_softmax(-1)[list(ids)], (0, width))
        for row in batch
        for ids in row.branches.response_ids
        for width in [mask_NT.shape[1] - len(ids)]
    ]
    return torch.stack(rows)


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(_close(first[name], second[name]) for name in first) and first.keys() == second.keys()


def _close(first: Any, second: Any) -> bool:
    if isinstance(first, dict):
        return first.keys() == second.keys() and _close(list(first.values()), list(second.values()))
    if isinstance(first, list) and first and isinstance(first[0], list):
        return all(_close(a, b) for a, b in zip(first, second, strict=True))
    return bool(np.allclose(first, second, rtol=1e-4, atol=1e-6))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(
    ("baseline", "normalize"),
    [("soft", "none"), ("prompt-mean", "zscore"), ("value", "rank"), ("soft", "rank"), ("value", "zscore")],
)
def test_a_row_of_weight_two_is_a_row_that_is_there_twice(objective: str, baseline: str, normalize: str) -> None:
    run = partial(outcome, objective=objective, baseline=baseline, normalize=normalize)
    weighted, copied = run([2, 1, 3, 1], [1, 1, 1, 1]), run(None, [2, 1, 3, 1])
    assert same(weighted, copied)
    assert not same(weighted, run(None, [1, 1, 1, 1]))


@pytest.mark.parametrize("objective", sorted(OBJECTIVES.keys() - {"kto"}))  # its mismatched responses are of all rows
@pytest.mark.parametrize(("baseline", "normalize"), [("soft", "zscore"), ("prompt-mean", "rank"), ("value", "none")])
def test_a_row_of_weight_zero_is_not_there(objective: str, baseline: str, normalize: str) -> None:
    run = partial(outcome, objective=objective, baseline=baseline, normalize=normalize)
    assert same(run([1, 0, 0, 2], [1, 1, 1, 1]), run([1, 2], [1, 0, 0, 1]))


@given(
    rewards=st.lists(st.floats(-5, 5), min_size=1, max_size=8),
    data=st.data(),
    kind=st.sampled_from(["soft", "prompt-mean", "zscore", "rank"]),
)
@settings(max_examples=60, deadline=None)
def test_statistics_with_weights_are_those_of_copies(rewards: list[float], data: st.DataObject, kind: Any) -> None:
    size = len(rewards)
    copies = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size).filter(any))
    prompts = data.draw(st.lists(st.sampled_from("xy"), min_size=size, max_size=size))
    values = np.array(rewards)
    repeated = np.repeat(values, copies)
    weights = np.array(copies, dtype=float)
    if kind in {"soft", "prompt-mean"}:
        weighted = np.repeat(data_baseline(kind, prompts, np.ones(size, int), values, 3.0, weights), copies)
        asked = [prompt for prompt, count in zip(prompts, copies, strict=True) for _ in range(count)]
        assert np.allclose(weighted, data_baseline(kind, asked, np.ones(len(asked), int), repeated, 3.0))
    else:
        weighted = fit_normalizer(kind, values, weights)(values)
        assert np.allclose(weighted, fit_normalizer(kind, repeated)(values), rtol=1e-6, atol=1e-6)


def test_a_prompt_without_any_weight_does_not_break_its_neighbours() -> None:
    found = data_baseline("soft", ["x", "y"], np.array([1, 2]), np.array([9.0, 1.0, 1.0]), 5.0, np.array([0.0, 1.0]))
    assert found.tolist() == pytest.approx([0.0, 1.0])


def test_the_sample_of_gamma_is_the_same_however_often_it_is_drawn_and_leaves_out_rows_without_weight() -> None:
    weight_R = np.arange(2000) % 2
    drawn = sample_rows(2000, weight_R)
    assert len(drawn) == 512
    assert all(row % 2 for row in drawn)
    assert drawn == sample_rows(2000, weight_R)
    assert sample_rows(3) == [0, 1, 2]
