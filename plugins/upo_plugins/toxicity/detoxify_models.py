"""The models that Detoxify publishes, by name: its addresses and hashes, our loading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from upo_plugins.toxicity.checkpoint import load_checkpoint
from upo_plugins.toxicity.labels import INSTEAD, WHERE
from upo_sdk.classifiers import files_sha256, hub_source, is_complete, require_network
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from upo_plugins.toxicity.classifier import ClassifierScorer
    from upo_plugins.toxicity.options import ToxicityOptions

__all__ = ["detoxify_source", "load_detoxify"]

_BASES = {"original": "bert-base-uncased", "unbiased": "roberta-base", "multilingual": "xlm-roberta-base"}
"""The hub models whose config and tokenizer the checkpoints name."""


def load_detoxify(name: str, options: ToxicityOptions, device: str) -> ClassifierScorer:
    """Load a published model from torch's cache, or download it there.

    Raises:
        OfflineError: Something is not cached and the network is out of reach.
        ModelError: The file is not the one that Detoxify published, or cannot be loaded.
    """
    url, path = _place(name)
    published = _published_hash(path.stem)
    if not path.is_file():
        _download(url, path, published)
    if not files_sha256([path]).startswith(published):
        raise ModelError(
            f"this file is not the '{name}' model that Detoxify published: its hash is another",
            where=str(path),
            fix="delete it, and it is downloaded again",
        )
    return load_checkpoint(path, f"detoxify:{name}", options, device)


def detoxify_source(name: str, options: ToxicityOptions) -> str:
    """Return in words where a published model and its tokenizer come from; nothing is loaded.

    Raises:
        OfflineError: Something is not cached and the network is out of reach.
    """
    url, path = _place(name)
    if not path.is_file():
        require_network(url, f"'{path.name}'", where=WHERE, instead=INSTEAD)
        return f"downloads {path.name} from {urlsplit(url).hostname}"
    base = Path(options.base).expanduser() if options.base else path.parent
    if base.is_dir() and (options.base or is_complete(base, weights=False)):
        return f"cached: {path.name}"
    found = hub_source(options.base or _BASES[name], weights=False, where=WHERE, instead=INSTEAD)
    return f"cached: {path.name}; {found}"


def _place(name: str) -> tuple[str, Path]:
    """Return where a model is published and where it is cached."""
    import torch.hub
    from detoxify.detoxify import MODEL_URLS

    url: str = MODEL_URLS[name]
    return url, Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])


def _published_hash(stem: str) -> str:
    """Return the start of the SHA-256 that a published file carries in its name."""
    found = re.search(r"-([0-9a-f]{8,})$", stem)
    return found.group(1) if found else ""


def _download(url: str, path: Path, sha256_prefix: str) -> None:
    """Download a file whose hash is known; nothing is left behind if it fails.

    Raises:
        OfflineError: The server is out of reach.
        ModelError: The download failed, or its hash is another.
    """
    import torch.hub

    require_network(url, f"'{path.name}'", where=WHERE, instead=INSTEAD)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), sha256_prefix)
    except Exception as error:
        raise ModelError(
            f"'{path.name}' cannot be downloaded: {type(error).__name__}: {error}",
            where=url,
            fix=f"try again, or use {INSTEAD}",
        ) from error
