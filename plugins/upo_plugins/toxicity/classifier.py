"""Sequence classifiers of the Transformers library as scorers, from a folder with safetensors weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_plugins.toxicity.hub import files_sha256, is_complete
from upo_plugins.toxicity.labels import are_exclusive, standard_names
from upo_plugins.toxicity.windows import batches, token_limit, windows
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from upo_plugins.toxicity.options import ToxicityOptions

__all__ = ["ClassifierScorer", "config_sha256", "load_folder", "load_tokenizer"]


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
        self._batch_size = options.batch_size
        self._limit = token_limit(model.config, tokenizer, options.max_length)

    @torch.inference_mode()
    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one row per text with one probability per label; a text without tokens scores 0."""
        worst = torch.zeros(len(texts), len(self.labels))
        found = windows(self._tokenizer, texts, self._limit) if texts else []
        for batch, inputs in batches(found, self._batch_size, self._tokenizer.pad_token_id):
            moved = {name: tensor.to(self._model.device) for name, tensor in inputs.items()}
            with torch.autocast(self._model.device.type, dtype=torch.bfloat16, enabled=self._autocast):
                logits = self._model(**moved).logits
            scores = logits.float().softmax(-1) if self._exclusive else logits.float().sigmoid()
            for window, row in zip(batch, scores[:, : len(self.labels)].cpu(), strict=True):
                worst[window.text] = torch.maximum(worst[window.text], row)
        return worst.tolist()


def computes_bfloat16(device: str) -> bool:
    """Return whether a device is an accelerator that is quicker in bfloat16."""
    return torch.device(device).type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def load_folder(folder: Path, name: str, options: ToxicityOptions, device: str) -> ClassifierScorer:
    """Load a folder that holds a sequence classifier: config, tokenizer and safetensors weights.

    Raises:
        ModelError: A file is missing or broken, weights are missing, or the weights are pickled.
    """
    if not is_complete(folder, weights=True):
        raise ModelError(
            "there is no sequence classifier with safetensors weights in this folder",
            where=str(folder),
            fix="it needs config.json, the tokenizer's files and model.safetensors; pickled weights are not loaded: "
            "convert them with model.save_pretrained(FOLDER)",
        )
    model = _load_model(folder)
    labels = standard_names(model.config.id2label[index] for index in range(model.config.num_labels))
    return ClassifierScorer(
        model,
        load_tokenizer(folder),
        labels=labels,
        exclusive=are_exclusive(labels, model.config.problem_type),
        fingerprint={
            "scorer": name,
            "weights_sha256": files_sha256(folder.glob("*.safetensors")),
            "config_sha256": config_sha256(folder),
        },
        options=options,
        device=device,
    )


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a local folder; nothing is asked of the network.

    Raises:
        ModelError: It cannot be loaded, cannot give overlapping windows, or has no padding token.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise _broken(folder, error) from error
    if not tokenizer.is_fast or tokenizer.pad_token_id is None:
        raise ModelError(
            f"{type(tokenizer).__name__} is not backed by the tokenizers library, or has no padding token",
            where=str(folder),
            fix="save a tokenizer.json with a padding token into the folder",
        )
    return tokenizer


def config_sha256(folder: Path) -> str:
    """Return the hash of the config and the tokenizer, on which scores depend as much as on the weights."""
    return files_sha256(path for pattern in ("*.json", "*.txt", "*.model") for path in folder.glob(pattern))


def _load_model(folder: Path) -> Any:
    from transformers import AutoModelForSequenceClassification

    try:
        with torch.random.fork_rng():  # missing weights would be drawn, and the run's random numbers are not ours
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except Exception as error:
        raise _broken(folder, error) from error
    lacking = sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])})
    if lacking:
        raise ModelError(
            f"the weights lack {', '.join(lacking[:3])}, which would be random numbers",
            where=str(folder),
            fix="name a folder saved after training as a sequence classifier",
        )
    return model


def _broken(folder: Path, error: Exception) -> ModelError:
    return ModelError(
        f"the classifier cannot be loaded: {type(error).__name__}: {error}",
        where=str(folder),
        fix="check the folder: config.json, the tokenizer's files and model.safetensors; remote code is not run",
    )
