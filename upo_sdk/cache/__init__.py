"""Content-addressed storage: what was computed once for a content is never computed again."""

from upo_sdk.cache.content_cache import ContentCache, Filled, content_key, raw_keys
from upo_sdk.cache.files import (
    CACHE_FILE,
    cache_folder,
    cache_in_use,
    default_cache_dir,
    mark_used,
    read_or_make,
    scratch_file,
)
from upo_sdk.cache.prune import CacheInfo, CachePart, Pruned, cache_info, prune_cache

__all__ = [
    "CACHE_FILE",
    "CacheInfo",
    "CachePart",
    "ContentCache",
    "Filled",
    "Pruned",
    "cache_folder",
    "cache_in_use",
    "cache_info",
    "content_key",
    "default_cache_dir",
    "mark_used",
    "prune_cache",
    "raw_keys",
    "read_or_make",
    "scratch_file",
]
