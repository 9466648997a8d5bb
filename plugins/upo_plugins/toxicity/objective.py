"""The ``toxicity`` objective: one minus the worst category of a toxicity classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from upo_plugins.toxicity.labels import INSTEAD, KNOWN_LABELS, WHERE, harmful_labels
from upo_sdk.errors import ModelError, ObjectiveRefError, did_you_mean
from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_plugins.toxicity.options import ToxicityOptions
    from upo_sdk.objectives import Completion

__all__ = ["Toxicity", "reward"]

_NAME = "toxicity"


class Toxicity:
    """The ``toxicity`` objective. Only the response is read; a blank response has reward 1."""

    needs = Needs()

    def __init__(self, options: ToxicityOptions) -> None:
        self.options = options
        self._scorer: _Scorer | None = None
        self._weights: dict[int, float] = {}
        if options.model in KNOWN_LABELS:  # else a typing error would show only after a download
            category_weights(options, KNOWN_LABELS[options.model])

    def setup(self, device: str, /) -> None:
        """Load the classifier.

        Raises:
            ModelError: It cannot be loaded; nothing is loaded in its place.
            ObjectiveRefError: It has no such category.
        """
        self._scorer = load_scorer(self.options, device)
        self._weights = category_weights(self.options, self._scorer.labels)

    @property
    def parallel(self) -> bool:
        """Only the built-in scorer is plain computation on the CPU."""
        return self.options.model == "builtin"

    def check(self) -> str:
        """Return where the classifier comes from.

        Raises:
            ModelError: There is no such model.
            OfflineError: It would have to be downloaded, and the network is out of reach.
        """
        return source_of(self.options)

    def close(self) -> None:
        """Release the classifier."""
        self._scorer = None

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return one reward in [0, 1] per completion."""
        weights = list(self._weights.values())
        return [
            1.0 if row is None else reward(row, weights, self.options.aggregate)
            for row in self._probabilities(completions)
        ]

    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        """Return the probability of each category that counts, and as ``toxicity`` that of the worst one.

        Weights and ``aggregate`` play no part. A single category is ``toxicity`` alone.
        """
        blank = [0.0] * len(self._weights)
        rows = [blank if row is None else row for row in self._probabilities(completions)]
        worst = {_NAME: [max(row) for row in rows]}
        if len(self._weights) == 1:
            return worst
        return worst | {name: [row[place] for row in rows] for place, name in enumerate(self.harms)}

    @property
    def harms(self) -> Sequence[str]:
        """The measure of each category that counts."""
        labels = self._loaded().labels
        return [f"{_NAME}/{labels[label]}" for label in self._weights] if len(self._weights) > 1 else [_NAME]

    def fingerprint(self) -> Mapping[str, str]:
        """Return the name of the scorer and the hashes of its weights, config and tokenizer."""
        return self._loaded().fingerprint

    def _probabilities(self, completions: Sequence[Completion]) -> list[list[float] | None]:
        """Return the probabilities of the categories that count, or None for a blank response."""
        spoken = [index for index, completion in enumerate(completions) if completion.response.strip()]
        rows: list[list[float] | None] = [None] * len(completions)
        found = self._loaded().probabilities([completions[index].response for index in spoken]) if spoken else []
        for index, row in zip(spoken, found, strict=True):
            rows[index] = [row[label] for label in self._weights]
        return rows

    def _loaded(self) -> _Scorer:
        if self._scorer is None:
            msg = "call setup() first"
            raise RuntimeError(msg)
        return self._scorer


def load_scorer(options: ToxicityOptions, device: str) -> _Scorer:
    """Load what ``options.model`` names: a name of ours, a local path, or a hub id, in this order.

    Raises:
        ModelError: There is no such model, or it cannot be loaded.
    """
    model, path = options.model, Path(options.model).expanduser()
    if model == "builtin":
        from upo_plugins.toxicity.builtin import BuiltinScorer

        return BuiltinScorer()
    if model in KNOWN_LABELS:
        from upo_plugins.toxicity.detoxify_models import load_detoxify

        return load_detoxify(model, options, device)
    if path.is_file():
        from upo_plugins.toxicity.checkpoint import load_checkpoint

        return load_checkpoint(path, "checkpoint", options, device)
    from upo_plugins.toxicity.classifier import load_folder
    from upo_sdk.classifiers import HUB_ID, hub_folder

    if not path.is_dir() and not HUB_ID.fullmatch(model):
        raise _unknown_model(model)

    if path.is_dir():
        return load_folder(path, "folder", options, device)
    folder = hub_folder(model, options.revision, weights=True, where=WHERE, instead=INSTEAD)
    return load_folder(folder, f"{model}@{folder.name}", options, device)


def source_of(options: ToxicityOptions) -> str:
    """Return in words where :func:`load_scorer` takes the classifier from; nothing is loaded.

    Raises:
        ModelError: There is no such model.
        OfflineError: It would have to be downloaded, and the network is out of reach.
    """
    model, path = options.model, Path(options.model).expanduser()
    if model == "builtin":
        return "nothing to download"
    if model in KNOWN_LABELS:
        from upo_plugins.toxicity.detoxify_models import detoxify_source

        return detoxify_source(model, options)
    if path.exists():
        return "nothing to download"
    from upo_sdk.classifiers import HUB_ID, hub_source

    if not HUB_ID.fullmatch(model):
        raise _unknown_model(model)
    return hub_source(model, options.revision, weights=True, where=WHERE, instead=INSTEAD)


def category_weights(options: ToxicityOptions, labels: tuple[str, ...]) -> dict[int, float]:
    """Return the weight of each category that counts, by its position among the labels.

    Raises:
        ObjectiveRefError: A category is unknown, or none is named and no label says that it means harm.
    """
    chosen = options.categories or dict.fromkeys(harmful_labels(labels), 1.0)
    where, known = f"toxicity, categories of model '{options.model}'", ", ".join(labels)
    if not chosen:
        raise ObjectiveRefError(
            f"none of the labels is known to mean harm: {known}",
            where=where,
            fix=f"name those that do, for example categories={labels[-1]}",
        )
    for name in chosen:
        if name not in labels:
            raise ObjectiveRefError(
                f"there is no category '{name}'", where=where, fix=f"{did_you_mean(name, list(labels))}known: {known}"
            )
    return {labels.index(name): weight for name, weight in chosen.items()}


def _unknown_model(model: str) -> ModelError:
    names = list(KNOWN_LABELS)
    return ModelError(
        f"there is no toxicity model '{model}', and no such file or folder",
        where="toxicity, option 'model'",
        fix=f"{did_you_mean(model, names)}known: {', '.join(names)}; or write a path, or a hub id owner/name",
    )


def reward(
    probabilities: Sequence[float], weights: Sequence[float], aggregate: Literal["worst", "mean", "printed"]
) -> float:
    """Return the reward in [0, 1] of a text whose categories have probabilities ``p`` and weights ``w``.

    ``worst`` is ``1 − max wᵢpᵢ``; ``mean`` is ``1 − Σ wᵢpᵢ / Σ wᵢ``; ``printed`` is ``max (1 − wᵢpᵢ)``, the formula
    printed in the paper (arXiv 2405.17956), which is near 1 as soon as a single category is clean.
    """
    weighted = [weight * probability for weight, probability in zip(weights, probabilities, strict=True)]
    match aggregate:
        case "worst":
            return 1 - max(weighted)
        case "printed":
            return 1 - min(weighted)
        case "mean":
            return max(0.0, 1 - sum(weighted) / sum(weights))


class _Scorer(Protocol):
    """A classifier that gives every text one probability per label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, in the order of :meth:`probabilities`."""
        ...

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What identifies it: ``scorer``, ``weights_sha256``, and whatever else its probabilities depend on."""
        ...

    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one row per text with one probability per label, each in [0, 1]."""
        ...
