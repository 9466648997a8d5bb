"""Sequence classifiers from local folders or the hub, whose cache comes first: safetensors only, no remote code."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.errors import ModelError, OfflineError
from upo_sdk.network import why_unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "HUB_ID",
    "classifier_fingerprint",
    "config_sha256",
    "files_sha256",
    "hub_folder",
    "hub_source",
    "is_complete",
    "load_classifier",
    "load_tokenizer",
    "require_network",
]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
"""``owner/name``."""

_TOKENIZER_FILES = ("*.json", "*.txt", "*.model")


def hub_folder(
    model_id: str, revision: str | None = None, *, weights: bool, where: str, instead: str = "a local one: PATH"
) -> Path:
    """Return a local folder with the config, the tokenizer and, if wanted, the safetensors weights of a hub model.

    Nothing is asked of the network if the cache already holds them.

    Args:
        model_id: ``owner/name``, or a name without owner.
        revision: Commit, tag or branch; the main branch by default.
        weights: Whether weights are wanted.
        where: The objective, for errors.
        instead: What the user may name instead, for errors.

    Raises:
        OfflineError: They are not cached and the hub is out of reach.
        ModelError: The hub does not hand them out.
    """
    import huggingface_hub

    cached = _cached_or_reachable(model_id, revision, weights=weights, where=where, instead=instead)
    if cached is not None:
        return cached
    patterns = [*_TOKENIZER_FILES, *(["*.safetensors"] if weights else [])]
    try:
        found = huggingface_hub.snapshot_download(
            model_id, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]
        )
    except Exception as error:
        raise ModelError(
            f"'{model_id}' cannot be downloaded: {type(error).__name__}: {error}",
            where=f"{where}, hub model '{model_id}', revision {revision or 'main'}",
            fix=f"check the id, the revision and your access to it, or use {instead}",
        ) from error
    return Path(found)


def hub_source(
    model_id: str, revision: str | None = None, *, weights: bool, where: str, instead: str = "a local one: PATH"
) -> str:
    """Return in words where :func:`hub_folder` would take a model from; nothing is downloaded.

    Raises:
        OfflineError: It is not cached and the hub is out of reach.
        ModelError: It is no hub id.
    """
    cached = _cached_or_reachable(model_id, revision, weights=weights, where=where, instead=instead)
    return f"downloads {model_id}" if cached is None else f"cached: {model_id}"


def _cached_or_reachable(
    model_id: str, revision: str | None, *, weights: bool, where: str, instead: str
) -> Path | None:
    """Return the folder of the cache, or None if the hub answers."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(huggingface_hub.snapshot_download(model_id, revision=revision, local_files_only=True))
        if is_complete(cached, weights=weights):
            return cached
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelError(
            f"'{model_id}' is not a hub id: {error}", where=where, fix=f"write owner/name, or {instead}"
        ) from error
    require_network(
        huggingface_hub.constants.ENDPOINT, f"the classifier files of '{model_id}'", where=where, instead=instead
    )
    return None


def is_complete(folder: Path, *, weights: bool) -> bool:
    """Return whether a folder has a config, a vocabulary and, if wanted, safetensors weights."""
    vocabularies = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
    return (
        (folder / "config.json").is_file()
        and any(any(folder.glob(pattern)) for pattern in vocabularies)
        and (not weights or any(folder.glob("*.safetensors")))
    )


def require_network(url: str, wanted: str, *, where: str, instead: str) -> None:
    """Return if the server of ``url`` answers within seconds.

    Raises:
        OfflineError: It does not, or the environment forbids to try.
    """
    reason = why_unreachable(url)
    if reason is None:
        return
    raise OfflineError(
        f"{wanted} would have to be downloaded, and {reason}",
        where=where,
        fix=f"go online, or use {instead}",
    )


def files_sha256(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of one file, or of the names and hashes of several."""
    hashes: list[tuple[str, str]] = []
    for path in sorted(paths):
        with path.open("rb") as stream:
            hashes.append((path.name, hashlib.file_digest(stream, "sha256").hexdigest()))
    if len(hashes) == 1:
        return hashes[0][1]
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in hashes).encode()).hexdigest()


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
