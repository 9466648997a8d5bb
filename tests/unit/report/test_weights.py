"""What the weights of a run did, told from its metrics."""

from __future__ import annotations

from typing import Any

import pytest

from upo_sdk.records import MetricsRow, RunLoss
from upo_sdk.report.weights import explain_weights

LOSS = RunLoss.model_validate(
    {
        "scale": "paper",
        "lambda": 5.0,
        "expectile": 0.7,
        "baseline": "value",
        "length_normalization": "auto",
        "advantage_cap": None,
        "gamma": 0.5,
        "normalization": "token-mean",
    }
)


def row(step: int, share: float, **more: float) -> MetricsRow:
    """Return a row of metrics.jsonl with an open gate."""
    shares = {"objective/toxicity/share": share, "actor/share": share + 0.2, "likelihood/share": 0.2}
    norms = {"actor/grad_norm": 0.3, "objective/dpo/grad_norm": 1.0}
    found = {"advantage/mean_weight": 1.5, "advantage/ess": 0.5, **shares, **norms, **more}
    return MetricsRow.model_validate({"step": step, **found})


def explain(*rows: MetricsRow, **changes: Any) -> str:
    found = LOSS.model_copy(update=changes)
    return " ".join(explain_weights({"toxicity": 0.3}, ["dpo"], found, rows)).replace("\u00a0", " ")


def test_the_shares_at_the_start_and_the_end_are_those_of_the_rows_with_an_open_gate() -> None:
    closed = MetricsRow.model_validate({"step": 10, "actor/share": 0.0, "objective/toxicity/share": 0.0})
    text = explain(closed, row(20, 0.12), row(100, 0.31), MetricsRow.model_validate({"step": 100, "eval_loss": 1.0}))
    assert "toxicity:0.3 supplied 12 % of the gradient when the auxiliary term started (step 20)" in text
    assert "31 % at the end (step 100)" in text
    assert "its gradient was 0.30 times that of dpo" in text


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ({}, "γ is 0.5, as given; when it started"),
        ({}, "The same weights do something else on longer responses"),
        ({"scale": "balanced", "gamma": 0.0123}, "γ is 0.0123, chosen from the data"),
    ],
)
def test_gamma_is_told_with_where_it_came_from(loss: dict[str, Any], said: str) -> None:
    assert said in explain(row(20, 0.12), **loss)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"advantage/ess": 0.04}, "few responses carried it"),
        ({"objective/toxicity/grad_cos": -0.4}, "pulled against the rest (cosine −0.40)"),
        ({"objective/toxicity/grad_cos": 0.4}, "pulled with the rest (cosine +0.40)"),
        ({"objective/toxicity/share": 0.002}, "next to nothing"),
    ],
)
def test_what_looks_wrong_is_said(more: dict[str, float], said: str) -> None:
    assert said in explain(row(20, 0.12, **more))
    assert said not in explain(row(20, 0.12))


def test_a_term_that_never_started_is_said_and_no_auxiliary_objective_gives_nothing() -> None:
    assert "never started" in explain(MetricsRow.model_validate({"step": 10, "actor/share": 0.0}))
    assert explain_weights({}, ["dpo"], LOSS, [row(1, 0.1)]) == ()
