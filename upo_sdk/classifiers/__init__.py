"""Sequence classifiers for objectives that wrap one: found, loaded safely, fed with texts of any length.

Importing this imports torch: do so where an objective is set up, not in the module of its hook or options.
"""

from upo_sdk.classifiers.loading import (
    HUB_ID,
    classifier_fingerprint,
    config_sha256,
    files_sha256,
    hub_folder,
    hub_source,
    is_complete,
    load_classifier,
    load_tokenizer,
    require_network,
)
from upo_sdk.classifiers.windows import Window, safe_batch_size, token_limit, window_logits, windows

__all__ = [
    "HUB_ID",
    "Window",
    "classifier_fingerprint",
    "config_sha256",
    "files_sha256",
    "hub_folder",
    "hub_source",
    "is_complete",
    "load_classifier",
    "load_tokenizer",
    "require_network",
    "safe_batch_size",
    "token_limit",
    "window_logits",
    "windows",
]
