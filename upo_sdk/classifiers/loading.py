"""Sequence classifiers of the Transformers library from local folders: safetensors only, whole, no remote code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.classifiers.hub import files_sha256, is_complete
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["classifier_fingerprint", "config_sha256", "load_classifier", "load_tokenizer"]


def classifier_fingerprint(folder: Path) -> dict[str, str]:
    """Return what identifies the classifier of a folder: the hashes of its weights, and of its config and tokenizer."""
    return {"weights_sha256": files_sha256(folder.glob("*.safetensors")), "config_sha256": config_sha256(folder)}


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a local folder; nothing is asked of the network.

    A tokenizer without a padding token, as many reward models have, pads with its end-of-sequence token.

    Raises:
        ModelError: It cannot be loaded, cannot give overlapping windows, or has no token to pad with.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise _broken(folder, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
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


def load_classifier(folder: Path) -> Any:
    """Load a sequence classifier in float32 from a local folder; nothing is asked of the network, no code is run.

    Raises:
        ModelError: A file is missing or broken, weights are missing, or the weights are pickled.
    """
    from transformers import AutoModelForSequenceClassification

    if not is_complete(folder, weights=True):
        raise ModelError(
            "there is no sequence classifier with safetensors weights in this folder",
            where=str(folder),
            fix="it needs config.json, the tokenizer's files and model.safetensors; pickled weights are not loaded: "
            "convert them with model.save_pretrained(FOLDER)",
        )

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
