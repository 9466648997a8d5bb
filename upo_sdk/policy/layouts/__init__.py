"""Layouts of a batch: how prompts and responses become model inputs."""

from upo_sdk.policy.layouts.base import Branches, Layout, PolicyInputs, PolicyOutput
from upo_sdk.policy.layouts.choose import ChosenLayout, choose_layout
from upo_sdk.policy.layouts.padded import PaddedLayout

__all__ = ["Branches", "ChosenLayout", "Layout", "PaddedLayout", "PolicyInputs", "PolicyOutput", "choose_layout"]
