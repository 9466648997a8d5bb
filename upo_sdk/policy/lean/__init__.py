"""Parts of a model in fewer passes over memory, for a CPU, where such passes take a third of a step.

Values and gradients stay the same but for rounding. A part is recognised by how it is built and taken only if it
computes, on random input, what is expected of it; names are never enough (Gemma's norms multiply by ``1 + weight``).
"""

from upo_sdk.policy.lean.install import make_lean

__all__ = ["make_lean"]
