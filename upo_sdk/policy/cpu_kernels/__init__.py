"""What computes a model's own modules in another way than they do, by one switch: `training.cpu_kernels=off`.

Values and gradients stay the same but for rounding. A part is recognised by how it is built and taken only if it
computes, on random input, what is expected of it; names are never enough (Gemma's norms multiply by ``1 + weight``).
What does not fit keeps its own forward. Removing the kernels leaves the model as it was.
"""

from upo_sdk.policy.cpu_kernels.kernels import CPUKernels
from upo_sdk.policy.cpu_kernels.segment_attention import own_attention

__all__ = ["CPUKernels", "own_attention"]
