"""Runs ``launched.py`` with a CPU admitted to FSDP, which accelerate leaves to accelerators: real DTensors."""

from __future__ import annotations

import inspect
import runpy
import textwrap
from pathlib import Path
from typing import Any

from accelerate import state

admitted = "DistributedType.MULTI_GPU,"
source = textwrap.dedent(inspect.getsource(state.AcceleratorState.__init__))
assert admitted in source
defined: dict[str, Any] = {}
exec(source.replace(admitted, f"{admitted} DistributedType.MULTI_CPU,", 1), vars(state), defined)
state.AcceleratorState.__init__ = defined["__init__"]  # type: ignore[method-assign]
runpy.run_path(str(Path(__file__).with_name("launched.py")), run_name="__main__")
