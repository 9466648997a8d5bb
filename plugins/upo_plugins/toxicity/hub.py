"""Files from the Hugging Face hub and from download addresses: the cache first, and a quick answer when offline."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from upo_sdk.errors import ModelError, OfflineError
from upo_sdk.network import is_offline_by_choice, is_reachable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["download", "files_sha256", "hub_folder", "is_complete", "require_network"]

_TOKENIZER_FILES = ("*.json", "*.txt", "*.model")


def hub_folder(model_id: str, revision: str | None = None, *, weights: bool) -> Path:
    """Return a local folder with the config, the tokenizer and, if wanted, the safetensors weights of a hub model.

    Nothing is asked of the network if the cache already holds them.

    Raises:
        OfflineError: They are not cached and the hub is out of reach.
        ModelError: The hub does not hand them out.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    patterns = [*_TOKENIZER_FILES, *(["*.safetensors"] if weights else [])]
    try:
        cached = Path(huggingface_hub.snapshot_download(model_id, revision=revision, local_files_only=True))
        if is_complete(cached, weights=weights):
            return cached
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelError(
            f"'{model_id}' is not a hub id: {error}", where="toxicity model", fix="write owner/name"
        ) from error
    require_network(huggingface_hub.constants.ENDPOINT, f"the classifier files of '{model_id}'")
    try:
        found = huggingface_hub.snapshot_download(
            model_id, revision=revision, allow_patterns=patterns, ignore_patterns=["*/*"]
        )
    except Exception as error:
        raise ModelError(
            f"'{model_id}' cannot be downloaded: {type(error).__name__}: {error}",
            where=f"hub model '{model_id}', revision {revision or 'main'}",
            fix="check the id, the revision and your access to it, or name a local folder: model=PATH",
        ) from error
    return Path(found)


def is_complete(folder: Path, *, weights: bool) -> bool:
    """Return whether a folder has a config, a vocabulary and, if wanted, safetensors weights."""
    vocabularies = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
    return (
        (folder / "config.json").is_file()
        and any(any(folder.glob(pattern)) for pattern in vocabularies)
        and (not weights or any(folder.glob("*.safetensors")))
    )


def download(url: str, path: Path, sha256_prefix: str) -> None:
    """Download a file whose hash is known; nothing is left behind if it fails.

    Raises:
        OfflineError: The server is out of reach.
        ModelError: The download failed, or its hash is another.
    """
    import torch.hub

    require_network(url, f"'{path.name}'")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), sha256_prefix)
    except Exception as error:
        raise ModelError(
            f"'{path.name}' cannot be downloaded: {type(error).__name__}: {error}",
            where=url,
            fix="try again, or use toxicity:W,model=builtin or a local classifier, model=PATH",
        ) from error


def require_network(url: str, wanted: str) -> None:
    """Return if the server of ``url`` answers within seconds.

    Raises:
        OfflineError: It does not, or the environment forbids to try.
    """
    variable = is_offline_by_choice()
    if variable is None and is_reachable(url):
        return
    reason = f"{variable} is set" if variable else f"{urlsplit(url).hostname} does not answer"
    raise OfflineError(
        f"{wanted} would have to be downloaded, and {reason}",
        where="toxicity model",
        fix="use the built-in scorer, toxicity:W,model=builtin, or a local classifier, toxicity:W,model=PATH",
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
