"""Layouts of a batch: how prompts and responses become model inputs."""

from upo_sdk.policy.layouts.base import Layout, PolicyInputs, PolicyOutput, TokenizedRow
from upo_sdk.policy.layouts.choose import ChosenLayout, choose_layout
from upo_sdk.policy.layouts.padded import PaddedLayout

__all__ = ["ChosenLayout", "Layout", "PaddedLayout", "PolicyInputs", "PolicyOutput", "TokenizedRow", "choose_layout"]
