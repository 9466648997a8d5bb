"""What the author of a plugin imports: the hook marker and the specs that hooks return."""

from upo_sdk.plugin.source import source_sha256
from upo_sdk.plugin.specs import DatasetFormatSpec, HookSpecs, ObjectiveSpec, hookimpl, load_target

__all__ = ["DatasetFormatSpec", "HookSpecs", "ObjectiveSpec", "hookimpl", "load_target", "source_sha256"]
