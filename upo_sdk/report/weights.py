"""What the weights of a run did, in plain words, from the run's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.numbers import percent, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["explain_weights"]

_FEW = 0.2
_LITTLE = 0.01


def explain_weights(
    weights: Mapping[str, float],
    preference: Sequence[str],
    loss: Mapping[str, object],
    rows: Sequence[Mapping[str, float]],
) -> tuple[str, ...]:
    """Say how hard each auxiliary objective pulled at the start and the end, what γ was, and who carried the weight.

    Shares are those of :func:`~upo_sdk.loss.gradient_metrics`, by the token log-probs.

    Args:
        weights: The weight of every auxiliary objective, by label.
        preference: The labels of the preference objectives.
        loss: ``loss`` of ``run.json``; nothing is said of γ where it is not known.
        rows: The rows of ``metrics.jsonl``, in order; those without shares are passed over.

    Returns:
        One sentence per objective, then one each on γ, on the likelihood and on the advantage weights; nothing without
        auxiliary objectives.
    """
    if not weights:
        return ()
    measured = [row for row in rows if row.get("actor/share", 0) > 0]
    if not measured:
        return (f"{_listed(weights)}: nothing was pulled, because the auxiliary term never started.",)
    first, last = measured[0], measured[-1]
    sentences = [_objective(label, weight, first, last) for label, weight in weights.items()]
    if loss.get("gamma") is not None:
        sentences.append(_gamma(loss, weights, preference, first))
    if "likelihood/share" in last:
        sentences.append(_likelihood(last))
    if "advantage/mean_weight" in last:
        sentences.append(_advantage(last))
    return tuple(sentences)


def _objective(label: str, weight: float, first: Mapping[str, float], last: Mapping[str, float]) -> str:
    key = f"objective/{label}/share"
    start, end = first.get(key, 0.0), last.get(key, 0.0)
    verdict = " Below 1 % it does next to nothing." if max(start, end) < _LITTLE else ""
    return (
        f"{label}:{weight:g} supplied {percent(start)} of the gradient when the auxiliary term started (step "
        f"{first['step']:.0f}) and {percent(end)} at the end (step {last['step']:.0f}).{_way(label, last)}{verdict}"
    )


def _way(label: str, last: Mapping[str, float]) -> str:
    cosine = last.get(f"objective/{label}/grad_cos")
    if cosine is None or abs(cosine) < 0.1:  # noqa: PLR2004 - neither with nor against
        return ""
    return f" At the end it pulled {'against' if cosine < 0 else 'with'} the rest (cosine {signed(cosine)})."


def _gamma(
    loss: Mapping[str, object],
    weights: Mapping[str, float],
    preference: Sequence[str],
    first: Mapping[str, float],
) -> str:
    total = sum(weights.values())
    rest = sum(first.get(f"objective/{label}/grad_norm", 0.0) for label in preference)
    actor = first.get("actor/grad_norm", 0.0)
    seen = f"; when it started, its gradient was {actor / rest:.2f} times that of {_listed(preference)}" if rest else ""
    if loss.get("scale") == "balanced":
        return (
            f"γ is {loss['gamma']:g}, chosen from the data so that the auxiliary term pulls on a response's log-prob "
            f"{total:g} times as hard as the preference term before training{seen}."
        )
    return (
        f"γ is {loss['gamma']:g}, as given{seen}. The same weights do something else on longer responses, or with "
        f"another β or λ. `loss.scale=balanced` sets γ from the data."
    )


def _likelihood(last: Mapping[str, float]) -> str:
    return (
        f"{percent(last['likelihood/share'])} of the last gradient was plain likelihood: it imitates all responses "
        f"of the data, whatever their rewards."
    )


def _advantage(last: Mapping[str, float]) -> str:
    text = f"A response of the data counted {last['advantage/mean_weight']:.2g} times on average in the auxiliary term"
    if "advantage/ess" not in last:
        return f"{text}."
    share = last["advantage/ess"]
    few = ": few responses carried it, so lower λ or set an advantage cap" if share < _FEW else ""
    return f"{text}, and its weight was spread as over {percent(share)} of the responses{few}."


def _listed(labels: Mapping[str, float] | Sequence[str]) -> str:
    return " and ".join(labels)
