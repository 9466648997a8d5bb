"""Metrics of an interval, kept on the device and moved to the host once; speed and memory at the end of a run."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from upo_sdk.loss import gradient_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from upo_sdk.loss import GradientParts, UnifiedOutput

__all__ = ["MetricBuffer", "Throughput"]


class MetricBuffer:
    """Collects the metrics of micro-batches and averages them over the rows of an interval, on all ranks."""

    def __init__(self) -> None:
        self._sums: dict[str, list[_Part]] = defaultdict(list)
        self._weights: list[Tensor] = []
        self._last_weights: list[Tensor] = []
        self._gradients: _Gradients | None = None

    def add(
        self,
        output: UnifiedOutput,
        *,
        rows: int = 1,
        weight: float | None = None,
        step: int = 0,
        share: Tensor | float = 1.0,
    ) -> None:
        """Keep one micro-batch's metrics; nothing leaves the device.

        Args:
            output: What the loss returned.
            rows: Rows in it, over which its metrics are means.
            weight: The sum of the rows' weights, over which its losses are; their number by default.
            step: The optimizer step; gradients are added up over its micro-batches.
            share: What the micro-batch's loss is multiplied with before the backward pass.
        """
        for name, value in {"loss": output.loss, **output.metrics}.items():
            count = rows if weight is None or not name.endswith("loss") else weight
            self._sums[name].append(_Part(value.detach(), output.counts.get(name, count)))
        if output.weights_N is not None:
            self._weights.append(output.weights_N)
        if output.gradients is not None:
            if self._gradients is None or self._gradients.step != step:
                self._gradients = _Gradients(step, output.gradients)
            self._gradients.add(output.gradients, share)

    @property
    def last_weights(self) -> list[float]:
        """The advantage weights of this process in the interval that is open, or else in the last one."""
        weights = self._weights or self._last_weights
        return torch.cat(weights).float().tolist() if weights else []

    def flush(
        self, mean_over_ranks: Callable[[Tensor], Tensor] = lambda values: values, *, ranks: int = 1
    ) -> dict[str, float]:
        """Return the means over the interval and start a new one.

        Each is a mean over rows, whatever batches they came in: ``Σ count · value / Σ count``. ``rewards/pairs`` is the
        number of pairs behind the preference metrics. ``advantage/ess`` is pooled over the interval's completions, as a
        share of their number. A metric that is NaN in some batches (a batch without rejected completions) is averaged
        over the others. Gradients are those of the interval's last measured step.
        """
        if not self._sums:
            return {}
        names = list(self._sums)
        sums_M2 = torch.stack([_added(parts) for parts in self._sums.values()])
        weights_3 = _power_sums(self._weights, sums_M2)
        gradients = self._gradients
        products = [gradients.gram_MM.flatten().float()] if gradients else []
        moved = mean_over_ranks(torch.cat([sums_M2.flatten(), weights_3, *products])).tolist()
        totals, counts = moved[: 2 * len(names) : 2], moved[1 : 2 * len(names) : 2]
        flushed = {name: total / count for name, total, count in zip(names, totals, counts, strict=True) if count}
        if "rewards/accuracies" in flushed:
            flushed["rewards/pairs"] = round(ranks * counts[names.index("rewards/accuracies")])
        total, squares, number = moved[2 * len(names) : 2 * len(names) + 3]
        if self._weights:
            flushed["advantage/ess"] = total**2 / (squares * number)
        if gradients:
            flushed |= gradients.metrics(moved[2 * len(names) + 3 :])
        self._sums.clear()
        self._last_weights, self._weights = self._weights, []
        self._gradients = None
        return {name: value for name, value in flushed.items() if not math.isnan(value)}


class _Part(NamedTuple):
    mean: Tensor
    number: Tensor | float


def _added(parts: Sequence[_Part]) -> Tensor:
    """Return ``Σ count · mean`` and ``Σ count`` over the parts whose mean is a number."""
    mean_P = torch.stack([part.mean for part in parts]).float()
    count_P = torch.stack([torch.as_tensor(part.number, device=mean_P.device).float() for part in parts])
    count_P = count_P.masked_fill(mean_P.isnan(), 0)
    return torch.stack([(mean_P.masked_fill(mean_P.isnan(), 0) * count_P).sum(), count_P.sum()])


def _power_sums(weights: Sequence[Tensor], like: Tensor) -> Tensor:
    """Return ``Σ w``, ``Σ w²`` and the number of weights."""
    if not weights:
        return like.new_zeros(3)
    weights_N = torch.cat(list(weights)).float()
    return torch.stack([weights_N.sum(), weights_N.square().sum(), torch.ones_like(weights_N).sum()])


class _Gradients:
    """The inner products of one step's gradient parts, over its micro-batches."""

    def __init__(self, step: int, parts: GradientParts) -> None:
        self.step = step
        self.gram_MM = torch.zeros(2 * (len(parts.names),), device=parts.gradient_MNT.device)
        self._names, self._preference = parts.names, parts.preference

    def add(self, parts: GradientParts, share: Tensor | float) -> None:
        self.gram_MM += share**2 * parts.gram_MM()

    def metrics(self, products: list[float]) -> dict[str, float]:
        gram_MM = torch.tensor(products, dtype=torch.float64).view(self.gram_MM.shape)
        found = gradient_metrics(self._names, self._preference, gram_MM)
        return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))


_MIB = 2**20


@dataclass(slots=True)
class Throughput:
    """Counts what one process trains on.

    Attributes:
        device: Where the policy is.
        rows: Rows (pairs, or single completions) so far.
        tokens: Tokens so far: of each row its prompt once and all its responses, without padding.
        paired: Whether the rows are pairs.
    """

    device: torch.device
    rows: int = 0
    tokens: int = 0
    paired: bool = False

    def __post_init__(self) -> None:
        if self.device.type == "cuda":  # what came before training is not its memory
            torch.cuda.reset_peak_memory_stats(self.device)

    def add(self, inputs: Mapping[str, Any]) -> None:
        """Count a collated batch."""
        self.rows += inputs["rows"]
        self.tokens += inputs["tokens"]
        self.paired = "chosen_B" in inputs["loss"]

    def summary(self, seconds: float, gather: Callable[[Tensor], Any]) -> dict[str, float]:
        """Return the rates of all ranks together and the peak memory, in MiB, of the rank that needs most.

        On a GPU it is what tensors occupied since training began; elsewhere the resident memory of the process since it
        started, where the system counts it.
        """
        counted = torch.tensor([[self.rows, self.tokens, self._peak_bytes() / _MIB]], device=self.device)
        rows_R, tokens_R, peak_R = gather(counted).cpu().unbind(-1)
        return {
            "pairs_per_second" if self.paired else "completions_per_second": float(rows_R.sum()) / seconds,
            "tokens_per_second": float(tokens_R.sum()) / seconds,
            **({"peak_memory_mb": float(peak_R.max())} if peak_R.all() else {}),
        }

    def _peak_bytes(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if sys.platform == "win32":
            return 0
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
