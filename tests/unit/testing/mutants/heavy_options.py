"""Options whose module imports what takes seconds."""

from __future__ import annotations

import pyarrow as pa
from light_options import GoodOptions

__all__ = ["HeavyOptions"]


class HeavyOptions(GoodOptions):
    """Those of the good one."""

    _width = pa.int64().bit_width
