"""What the weights of a run did, in plain words, from the run's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.numbers import percent, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import MetricsRow, RunLoss

__all__ = ["explain_weights"]

_FEW = 0.2
_LITTLE = 0.01


def explain_weights(
    weights: Mapping[str, float],
    preference: Sequence[str],
    loss: RunLoss | None,
    rows: Sequence[MetricsRow],
) -> tuple[str, ...]:
    """Say how hard each auxiliary objective pulled at the start and the end, what γ was, and who carried the weight.

    Shares are those of :func:`~upo_sdk.loss.gradient_metrics`, by the token log-probs.

    Args:
        weights: The weight of every auxiliary objective, by label.
        preference: The labels of the preference objectives.
        loss: Of the run; nothing is said of γ where it is not known.
        rows: The rows of ``metrics.jsonl``, in order; those without shares are passed over.

    Returns:
        One sentence per objective, then one each on γ, on the likelihood and on the advantage weights; nothing without
        auxiliary objectives.
    """
    if not weights:
        return ()
    measured = [row for row in rows if row.values.get("actor/share", 0) > 0]
    if not measured:
        return (f"{_listed(weights)}: nothing was pulled, because the auxiliary term never started.",)
    first, last = measured[0], measured[-1]
    sentences = [_objective(label, weight, first, last) for label, weight in weights.items()]
    if loss is not None and loss.gamma is not None:
        sentences.append(_gamma(loss, weights, preference, first))
    if "likelihood/share" in last.values:
        sentences.append(_likelihood(last))
    if "advantage/mean_weight" in last.values:
        sentences.append(_advantage(last))
    return tuple(sentences)


def _objective(label: str, weight: float, first: MetricsRow, last: MetricsRow) -> str:
    key = f"objective/{label}/share"
    start, end = first.values.get(key, 0.0), last.values.get(key, 0.0)
    verdict = " Below 1 % it does next to nothing." if max(start, end) < _LITTLE else ""
    return (
        f"{label}:{weight:g} supplied {percent(start)} of the gradient when the auxiliary term started (step "
        f"{first.step}) and {percent(end)} at the end (step {last.step}).{_way(label, last)}{verdict}"
    )


def _way(label: str, last: MetricsRow) -> str:
    cosine = last.values.get(f"objective/{label}/grad_cos")
    if cosine is None or abs(cosine) < 0.1:  # noqa: PLR2004 - neither with nor against
        return ""
    return f" At the end it pulled {'against' if cosine < 0 else 'with'} the rest (cosine {signed(cosine)})."


def _gamma(
    loss: RunLoss,
    weights: Mapping[str, float],
    preference: Sequence[str],
    first: MetricsRow,
) -> str:
    total = sum(weights.values())
    rest = sum(first.values.get(f"objective/{label}/grad_norm", 0.0) for label in preference)
    actor = first.values.get("actor/grad_norm", 0.0)
    seen = f"; when it started, its gradient was {actor / rest:.2f} times that of {_listed(preference)}" if rest else ""
    if loss.scale == "balanced":
        return (
            f"γ is {loss.gamma:g}, chosen from the data so that the auxiliary term pulls on a response's log-prob "
            f"{total:g} times as hard as the preference term before training{seen}."
        )
    return (
        f"γ is {loss.gamma:g}, as given{seen}. The same weights do something else on longer responses, or with "
        f"another β or λ. `loss.scale=balanced` sets γ from the data."
    )


def _likelihood(last: MetricsRow) -> str:
    share = percent(last.values["likelihood/share"])
    return (
        f"{share} of the last gradient was plain likelihood: it imitates all responses "
        f"of the data, whatever their rewards."
    )


def _advantage(last: MetricsRow) -> str:
    weight = last.values["advantage/mean_weight"]
    text = f"A response of the data counted {weight:.2g} times on average in the auxiliary term"
    if "advantage/ess" not in last.values:
        return f"{text}."
    share = last.values["advantage/ess"]
    few = ": few responses carried it, so lower λ or set an advantage cap" if share < _FEW else ""
    return f"{text}, and its weight was spread as over {percent(share)} of the responses{few}."


def _listed(labels: Mapping[str, float] | Sequence[str]) -> str:
    return " and ".join(labels)
