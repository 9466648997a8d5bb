"""The built-in scorer: logistic regression on hashed n-grams, nothing to download."""

from __future__ import annotations

import hashlib
import math
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load

from upo_plugins.toxicity.features import feature_indices, segments
from upo_plugins.toxicity.labels import KNOWN_LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BuiltinScorer"]


class BuiltinScorer:
    """Scores a text by its worst sentence; see ``weights/MODEL_CARD.md`` for what it can and cannot do.

    The probability ``p`` of a sentence passes a dead zone, ``2 max(0, p − ½)``, so that harmless sentences cost
    nothing. A text without words scores 0.

    Args:
        weights: A safetensors file of the training script; the shipped one if None.
    """

    labels = KNOWN_LABELS["builtin"]

    def __init__(self, weights: bytes | None = None) -> None:
        data = weights or files("upo_plugins.toxicity").joinpath("weights/builtin.safetensors").read_bytes()
        tensors = load(data)
        self.fingerprint = {"scorer": "builtin", "weights_sha256": hashlib.sha256(data).hexdigest()}
        self._table = tensors["table"]
        self._scale = float(tensors["scale"])
        self._bias = float(tensors["bias"])

    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one probability per text, each in a list."""
        return [[max(0.0, 2 * self.sentence_probability(text) - 1)] for text in texts]

    def sentence_probability(self, text: str) -> float:
        """Return the probability that the worst sentence is toxic, before the dead zone; 0 for a text without words."""
        logits = [self._logit(words) for words in segments(text)]
        return 1 / (1 + math.exp(-max(logits))) if logits else 0.0

    def _logit(self, words: list[str]) -> float:
        indices = feature_indices(words)
        rows = np.fromiter(indices, dtype=np.int64, count=len(indices))
        total = int(self._table[rows].sum(dtype=np.int64))  # whole numbers: the order of a set does not matter
        return self._bias + self._scale * total / math.sqrt(len(indices))
