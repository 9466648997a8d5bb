"""One measurement in a process of its own: ``python -m benchmarks.throughput.worker SPEC.json RESULT.json MINE NEXT``.

``MINE`` and ``NEXT`` are the pipes of a :class:`Turn`.
"""

from __future__ import annotations

import json
import platform
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from benchmarks.throughput.meter import Meter, Turn, peak_mb
from benchmarks.throughput.sides import SIDES, Spec

MEGABYTE = 1e6


def main() -> None:
    """Load what a run needs, note the memory, run."""
    spec_path, result_path = map(Path, sys.argv[1:3])
    turn = Turn(*map(int, sys.argv[3:]))
    turn.wait()
    spec = Spec(**json.loads(spec_path.read_text(encoding="utf-8")))
    side = SIDES[spec.side]
    torch.set_num_threads(spec.threads)
    product = import_module(f"benchmarks.throughput.{'ours' if side.objectives else 'peer'}")
    meter = Meter(_loaded_mb(spec.model), turn)
    product.run(side, spec, meter)
    pairs = len(Path(spec.rows).read_text(encoding="utf-8").splitlines())
    result = meter.result(spec.skip, spec.batch_size, pairs) | {"device": _device()}
    result_path.write_text(json.dumps(result), encoding="utf-8")
    turn.give()


def _loaded_mb(model: str) -> float:
    """Return the memory of a process that holds the libraries and the weights, and has done nothing with them.

    Weights are mapped from their file and count once they are read: read here, they are no growth on either side.
    """
    weights = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for weight in weights.parameters():
        weight.data.sum()
    if torch.cuda.is_available():
        return sum(weight.nbytes for weight in weights.parameters()) / MEGABYTE
    return peak_mb()


def _device() -> dict[str, Any]:
    on_gpu = torch.cuda.is_available()
    return {
        "name": torch.cuda.get_device_name() if on_gpu else platform.machine(),
        "type": "cuda" if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    main()
