"""What the weights of a run did, in plain words, from the run's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    *,
    median_tokens: float | None = None,
) -> tuple[str, ...]:
    """Say how hard each auxiliary objective pulled at the start and the end, what γ was, and who carried the weight.

    Shares are those of :func:`~upo_sdk.engine.gradient_metrics`, by the token log-probs.

    Args:
        weights: The weight of every auxiliary objective, by label.
        preference: The labels of the preference objectives.
        loss: ``loss`` of ``run.json``; nothing is said of γ where it is not known.
        rows: The rows of ``metrics.jsonl``, in order; those without shares are passed over.
        median_tokens: Median length of the responses, if it is known.

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
    length = "" if median_tokens is None else f" At a median of {median_tokens:.0f} tokens per response this is"
    sentences = [_objective(label, weight, first, last) for label, weight in weights.items()]
    if loss.get("gamma") is not None:
        sentences.append(_gamma(loss, weights, preference, first, length))
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
        f"{label}:{weight:g} supplied {_percent(start)} of the gradient when the auxiliary term started (step "
        f"{first['step']:.0f}) and {_percent(end)} at the end (step {last['step']:.0f}).{_way(label, last)}{verdict}"
    )


def _way(label: str, last: Mapping[str, float]) -> str:
    cosine = last.get(f"objective/{label}/grad_cos")
    if cosine is None or abs(cosine) < 0.1:  # noqa: PLR2004 - neither with nor against
        return ""
    return f" At the end it pulled {'against' if cosine < 0 else 'with'} the rest (cosine {_signed(cosine)})."


def _gamma(
    loss: Mapping[str, object],
    weights: Mapping[str, float],
    preference: Sequence[str],
    first: Mapping[str, float],
    length: str,
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
    meaning = (
        f"{length} what the weights mean: on longer responses, with another β or λ, the same weights do something else."
        if length
        else " The same weights do something else on longer responses, or with another β or λ."
    )
    return f"γ is {loss['gamma']:g}, as given{seen}.{meaning} --scale balanced sets γ from the data."


def _likelihood(last: Mapping[str, float]) -> str:
    return (
        f"{_percent(last['likelihood/share'])} of the last gradient was plain likelihood: it imitates all responses "
        f"of the data, whatever their rewards."
    )


def _advantage(last: Mapping[str, float]) -> str:
    text = f"A response of the data counted {last['advantage/mean_weight']:.2g} times on average in the auxiliary term"
    if "advantage/ess" not in last:
        return f"{text}."
    share = last["advantage/ess"]
    few = ": few responses carried it, so lower λ or set an advantage cap" if share < _FEW else ""
    return f"{text}, and its weight was spread as over {_percent(share)} of the responses{few}."


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(labels: Mapping[str, float] | Sequence[str]) -> str:
    return " and ".join(labels)
