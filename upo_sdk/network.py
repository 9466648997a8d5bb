"""Whether a hub file can be had, decided within seconds instead of after minutes of retries."""

from __future__ import annotations

import os
import socket
from typing import Literal
from urllib.parse import urlsplit

from upo_sdk.errors import OfflineError

__all__ = ["is_offline_by_choice", "is_reachable", "require_cached_or_online"]

_TIMEOUT_SECONDS = 3.0
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def is_offline_by_choice() -> str | None:
    """Return the environment variable that forbids downloads, if one is set."""
    return next(
        (name for name in _OFFLINE_VARIABLES if os.environ.get(name, "").upper() in {"1", "TRUE", "YES", "ON"}), None
    )


def is_reachable(url: str) -> bool:
    """Return whether the server of a URL accepts a connection within three seconds."""
    parts = urlsplit(url)
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        with socket.create_connection((parts.hostname or "", port), timeout=_TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def require_cached_or_online(
    repo_id: str, filename: str, *, option: str, repo_type: Literal["model", "dataset"] = "model"
) -> None:
    """Return if a hub repository is cached or its hub can be reached.

    Args:
        repo_id: Name on the hub, such as ``"org/name"``.
        filename: A file whose presence in the cache shows that the repository was downloaded.
        option: What the user may type instead, for the error's fix.
        repo_type: What kind of repository it is.

    Raises:
        OfflineError: Neither holds.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(repo_id, filename, repo_type=repo_type), str):
        return
    variable = is_offline_by_choice()
    if variable is None and is_reachable(constants.ENDPOINT):
        return
    reason = f"{variable} is set" if variable else f"{urlsplit(constants.ENDPOINT).hostname} cannot be reached"
    raise OfflineError(
        f"there is no local folder '{repo_id}', it is not in the download cache, and {reason}",
        where=repo_id,
        fix=f"check the path, go online, or give a local one: {option}",
    )
