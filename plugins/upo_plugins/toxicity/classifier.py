"""Sequence classifiers of the Transformers library as scorers, from a folder with safetensors weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_plugins.toxicity.labels import are_exclusive, standard_names
from upo_sdk.classifiers import (
    classifier_fingerprint,
    load_classifier,
    load_tokenizer,
    safe_batch_size,
    token_limit,
    window_logits,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from upo_plugins.toxicity.options import ToxicityOptions

__all__ = ["ClassifierScorer", "load_folder"]


class ClassifierScorer:
    """Scores texts with a sequence classifier; a long text by its worst window, label by label.

    Args:
        model: A Transformers model whose output has ``logits`` of shape [texts, outputs].
        tokenizer: Its tokenizer, backed by the tokenizers library.
        labels: Names of the first outputs; further outputs are ignored.
        exclusive: Softmax over all outputs, else a sigmoid of each.
        fingerprint: What identifies model and tokenizer.
        options: Number format, batch size and window length.
        device: Torch device.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        labels: tuple[str, ...],
        exclusive: bool,
        fingerprint: Mapping[str, str],
        options: ToxicityOptions,
        device: str,
    ) -> None:
        self.labels = labels
        self._autocast = options.dtype == "auto" and computes_bfloat16(device)
        self.fingerprint = {**fingerprint, "autocast": "bfloat16"} if self._autocast else fingerprint
        self._exclusive = exclusive
        self._tokenizer = tokenizer
        dtype = torch.float32 if options.dtype == "auto" else getattr(torch, options.dtype)
        self._model = model.to(device=device, dtype=dtype).eval()
        self._limit = token_limit(model.config, tokenizer, options.max_length)
        self._batch_size = safe_batch_size(self._model, tokenizer, self._limit, options.batch_size)

    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one row per text with one probability per label; a text without tokens scores 0."""
        worst = torch.zeros(len(texts), len(self.labels))
        found = windows(self._tokenizer, texts, self._limit)
        for window, logits in window_logits(
            self._model, self._tokenizer, found, self._batch_size, autocast=self._autocast
        ):
            scores = logits.softmax(-1) if self._exclusive else logits.sigmoid()
            worst[window.text] = torch.maximum(worst[window.text], scores[: len(self.labels)])
        return worst.tolist()


def computes_bfloat16(device: str) -> bool:
    """Return whether a device is an accelerator that is quicker in bfloat16."""
    return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def load_folder(folder: Path, name: str, options: ToxicityOptions, device: str) -> ClassifierScorer:
    """Load a folder that holds a sequence classifier: config, tokenizer and safetensors weights.

    Raises:
        ModelError: A file is missing or broken, weights are missing, or the weights are pickled.
    """
    model = load_classifier(folder)
    labels = standard_names(model.config.id2label[index] for index in range(model.config.num_labels))
    return ClassifierScorer(
        model,
        load_tokenizer(folder),
        labels=labels,
        exclusive=are_exclusive(labels, model.config.problem_type),
        fingerprint={"scorer": name, **classifier_fingerprint(folder)},
        options=options,
        device=device,
    )
