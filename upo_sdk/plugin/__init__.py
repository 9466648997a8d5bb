"""What the author of a plugin imports: the hook marker and the specs that hooks return."""

from upo_sdk.plugin.hookspecs import HookSpecs, hookimpl
from upo_sdk.plugin.specs import DatasetFormatSpec, ObjectiveSpec

__all__ = ["DatasetFormatSpec", "HookSpecs", "ObjectiveSpec", "hookimpl"]
