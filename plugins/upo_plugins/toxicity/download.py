"""Files from download addresses: their hash is known, and offline is a quick answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.classifiers.loading import require_network
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["INSTEAD", "WHERE", "download"]

WHERE = "toxicity model"
INSTEAD = "the built-in scorer, toxicity:W,model=builtin, or a local classifier, toxicity:W,model=PATH"
"""What may be named where something cannot be downloaded."""


def download(url: str, path: Path, sha256_prefix: str) -> None:
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
