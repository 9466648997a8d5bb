"""By how much a layout differs from what every row gives when it is alone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from upo_sdk.policy.dropout import has_dropout
from upo_sdk.policy.layouts.single import plain_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts.base import PolicyOutput, TokenizedRow
    from upo_sdk.policy.policy import Policy

__all__ = ["EXACT", "Difference", "Exactness"]

EXACT = 1e-4
"""Nats by which the log-prob of a token may differ in fp32."""
_NOISE = 4
"""How many times the model's own rounding noise it may differ by in half precision, where that is more."""


class Difference(NamedTuple):
    """Largest differences: of log-probs in nats, of prompt states relative to the largest element."""

    logps: float
    states: float

    def __str__(self) -> str:
        """Say by how much."""
        if self.logps > EXACT or self.states <= EXACT:
            return f"differs by {self.logps:.2g} nats"
        return f"differs by {self.states:.2g} of the state behind the prompt"

    def within(self, other: Difference) -> bool:
        """Return whether both are at most those of the other."""
        return self.logps <= other.logps and self.states <= other.states

    def largest(self, other: Difference) -> Difference:
        """Return the larger of each."""
        return Difference(max(self.logps, other.logps), max(self.states, other.states))


class Exactness:
    """Compares policies with the untouched model's forward on each row alone.

    Compared are a batch of all rows, as the reference pass computes it, and the longest and the shortest sequence's
    rows alone, as a training step computes them. It never holds the logits of more than one row.

    Args:
        lm: The language model, in evaluation mode.
        rows: Of very different lengths, the longest and the shortest among them.
        training: Whether gradients will be asked for.
        bf16: Whether training computes under bfloat16 autocast; that is compared, too.
        checkpointing: Whether training uses activation checkpointing.
    """

    def __init__(
        self, lm: PreTrainedModel, rows: Sequence[TokenizedRow], *, training: bool, bf16: bool, checkpointing: bool
    ) -> None:
        self._rows, self._lm = rows, lm
        self._training, self._checkpointing = training, training and checkpointing
        self._longest = max(range(len(rows)), key=lambda row: _length(rows[row], max))
        self._shortest = min(range(len(rows)), key=lambda row: _length(rows[row], min))
        self._precisions = [_Precision(lm, rows, autocast=False)]
        if bf16 and lm.dtype == torch.float32:
            self._precisions.append(_Precision(lm, rows, autocast=True))

    def difference(self, policy: Policy) -> tuple[Difference, bool]:
        """Return by how much a policy differs at most, and whether that is little enough."""
        found, exact = Difference(0.0, 0.0), True
        everything = range(len(self._rows))
        for precision in self._precisions:
            here = self._of(policy, precision, everything, training=False)
            for row in {self._longest, self._shortest}:
                here = here.largest(self._of(policy, precision, [row], training=self._training))
            exact = exact and here.within(precision.tolerance)
            found = found.largest(here)
        return found, exact

    def _of(self, policy: Policy, precision: _Precision, which: Sequence[int], *, training: bool) -> Difference:
        inputs = policy.layout.collate([self._rows[row] for row in which])
        on_device = {name: tensor.to(self._lm.device) for name, tensor in inputs.items()}
        with _mode(policy, training=training, checkpointing=self._checkpointing), precision.context():
            output = policy(**on_device)
        return _difference(output, [precision.alone[row] for row in which])


class _Precision:
    """What each row gives alone under one precision, and how exact it can be."""

    def __init__(self, lm: PreTrainedModel, rows: Sequence[TokenizedRow], *, autocast: bool) -> None:
        self._lm, self._autocast = lm, autocast
        self.alone = [self._alone(row) for row in rows]
        self.tolerance = Difference(EXACT, EXACT)
        if autocast or lm.dtype != torch.float32:
            self.tolerance = self.tolerance.largest(self._noise(rows))

    def context(self) -> torch.autocast:
        return torch.autocast(self._lm.device.type, dtype=torch.bfloat16, enabled=self._autocast)

    def _alone(self, row: TokenizedRow) -> _Alone:
        with torch.no_grad(), self.context():
            found = [
                plain_forward(
                    self._lm, torch.tensor([*row.prompt_ids, *response], device=self._lm.device), len(response)
                )
                for response in row.response_ids
            ]
        return _Alone([logps_T for logps_T, _ in found], found[0][1])

    def _noise(self, rows: Sequence[TokenizedRow]) -> Difference:
        """Return what one rounding error more behind every module comes to, on rows alone, times a fixed factor."""
        noise = Difference(0.0, 0.0)
        unit = torch.finfo(torch.bfloat16 if self._autocast else self._lm.dtype).eps
        with _rounding_errors(self._lm, unit):
            for row, own in zip(rows, self.alone, strict=True):
                noise = noise.largest(own.difference(self._alone(row)))
        return Difference(_NOISE * noise.logps, _NOISE * noise.states)


class _Alone(NamedTuple):
    """The log-probs of a row's responses, and the hidden state at the end of its prompt."""

    logps: Sequence[Tensor]
    state_H: Tensor

    def difference(self, other: _Alone) -> Difference:
        logps = [(a - b).abs().max() for a, b in zip(self.logps, other.logps, strict=True)]
        scale = self.state_H.float().abs().max().clamp(min=1e-9)
        state = (self.state_H.float() - other.state_H.float()).abs().max() / scale
        return Difference(_number(torch.stack(logps).max()), _number(state))


def _difference(output: PolicyOutput, alone: Sequence[_Alone]) -> Difference:
    found, n = Difference(0.0, 0.0), 0
    for own, state_H in zip(alone, output.prompt_state_PH, strict=True):
        logps_NT = output.logps_NT.detach()[n : n + len(own.logps)]
        cut = [logps_T[: len(plain_T)] for logps_T, plain_T in zip(logps_NT, own.logps, strict=True)]
        found = found.largest(own.difference(_Alone(cut, state_H)))
        n += len(own.logps)
    return found


def _number(value: Tensor) -> float:
    return float(value.nan_to_num(nan=float("inf")))


def _length(row: TokenizedRow, which: Callable[[Iterable[int]], int]) -> int:
    return len(row.prompt_ids) + which(map(len, row.response_ids))


@contextmanager
def _mode(policy: Policy, *, training: bool, checkpointing: bool) -> Generator[None]:
    """Compute as the reference pass does, or as a training step does but for dropout that the user keeps."""
    lm: Any = policy.lm
    if training and checkpointing:
        lm.activation_checkpointing_enable()
    policy.train(training)
    if has_dropout(lm):
        lm.eval()
    try:
        with torch.set_grad_enabled(training):
            yield
    finally:
        policy.eval()
        if training and checkpointing:
            lm.activation_checkpointing_disable()


@contextmanager
def _rounding_errors(lm: PreTrainedModel, unit: float) -> Generator[None]:
    """Let the result of every module that computes anything be off by about half a unit in its last place."""
    generator = torch.Generator().manual_seed(0)

    def err(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        if not isinstance(output, torch.Tensor) or not output.is_floating_point():
            return None
        error = (torch.rand(output.shape, generator=generator) - 0.5).to(output.device)
        return (output.float() * (1 + unit * error)).to(output.dtype)

    leaves = [module for module in lm.modules() if not any(True for _ in module.children())]
    hooks = [module.register_forward_hook(err) for module in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
