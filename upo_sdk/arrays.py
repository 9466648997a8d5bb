"""Names of the array types; what an axis counts is the suffix of a variable, such as ``rewards_N``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "FloatArray", "IntArray", "KeyArray", "LogpArray"]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
KeyArray = npt.NDArray[np.bytes_]
"""SHA-256 values."""
LogpArray = npt.NDArray[np.float32]
