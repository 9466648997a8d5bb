"""Whether a hub file can be downloaded, decided within seconds instead of after minutes of retries."""

from __future__ import annotations

import os
import ssl
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from upo_sdk.errors import OfflineError

__all__ = ["is_hub_name", "is_offline_by_choice", "is_reachable", "require_cached_or_online", "why_unreachable"]

_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")


def is_hub_name(name: str) -> bool:
    """Return whether a repository of the hub could have this name; the hub is not asked."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HFValidationError

    try:
        hf_hub_url(name, "config.json")
    except HFValidationError:
        return False
    return True


def is_offline_by_choice() -> str | None:
    """Return the environment variable that forbids downloads, if one is set."""
    return next(
        (name for name in _OFFLINE_VARIABLES if os.environ.get(name, "").upper() in {"1", "TRUE", "YES", "ON"}), None
    )


def is_reachable(url: str, *, seconds: float = 3.5) -> bool:
    """Return whether the server of a URL answers within some seconds; proxies of the environment are used."""
    answered, finished = threading.Event(), threading.Event()

    def ask() -> None:
        if _responds(url, seconds):
            answered.set()
        finished.set()

    # A separate thread, because a name lookup has no time limit.
    threading.Thread(target=ask, daemon=True).start()
    finished.wait(seconds)
    return answered.is_set()


def why_unreachable(url: str) -> str | None:
    """Return why the server of a URL cannot be reached, in words, or None."""
    if variable := is_offline_by_choice():
        return f"{variable} is set"
    return None if is_reachable(url) else f"{urlsplit(url).hostname} cannot be reached"


def require_cached_or_online(repo_id: str, *, instead: str) -> None:
    """Return if a model of the hub is cached or the hub can be reached.

    Args:
        repo_id: Name on the hub, such as ``"org/name"``.
        instead: What the user may give instead, for the error's fix.

    Raises:
        OfflineError: Neither holds.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(repo_id, "config.json"), str):
        return
    if reason := why_unreachable(constants.ENDPOINT):
        raise OfflineError(
            f"there is no local folder '{repo_id}', it is not in the download cache, and {reason}",
            where=repo_id,
            fix=f"check the path, go online, or give a local one: {instead}",
        )


def _responds(url: str, seconds: float) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()  # noqa: S310 - an address of ours or the user's
    except urllib.error.HTTPError:
        return True  # an answer, if a refusal: the download will say which
    except urllib.error.URLError as error:
        return isinstance(error.reason, ssl.SSLCertVerificationError)  # the download may know another authority
    except OSError:
        return False
    return True
