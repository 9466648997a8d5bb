"""Which layout a run uses: picked from the lengths, checked on real rows against the model's plain forward."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.errors import ModelError
from upo_sdk.policy.layouts.base import Branches, fed_tokens
from upo_sdk.policy.layouts.blocks import BlockLayout
from upo_sdk.policy.layouts.padded import PaddedLayout
from upo_sdk.policy.layouts.prefix_cache import PrefixCacheLayout
from upo_sdk.policy.layouts.segments import SegmentLayout
from upo_sdk.policy.layouts.separate import SeparateLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from upo_sdk.config.sections import LayoutName
    from upo_sdk.policy.layouts.base import Layout

__all__ = ["ChosenLayout", "choose_layout"]

_LAYOUTS: dict[str, Sequence[Callable[[], Layout]]] = {
    "padded": [PaddedLayout],
    "separate": [SeparateLayout],
    "packed": [
        lambda: SegmentLayout("packed", shared=False),
        lambda: BlockLayout("packed", shared=False, packed=True),
    ],
    "prefix-shared": [lambda: BlockLayout("prefix-shared", shared=True, packed=False)],
    "prefix-packed": [
        lambda: SegmentLayout("prefix-packed", shared=True),
        lambda: BlockLayout("prefix-packed", shared=True, packed=True),
    ],
    "prefix-cache": [PrefixCacheLayout],
}
"""What a name stands for: the first that is exact for the model."""
_CHECKED_ROWS = 4
_WORTH_SHARING = 0.95
"""Share of the token positions above which a shared prompt saves too little to be worth another mask."""
_EXACT = 1e-5
"""Nats by which a log-prob may differ where nothing but the order of sums does, in fp32."""
_NOISE = 4
"""How many times the noise of plain padding a layout may differ by, where that is more (bfloat16 weights)."""


@dataclass(frozen=True, slots=True)
class ChosenLayout:
    """A layout and one line about why it was chosen."""

    layout: Layout
    reason: str


def choose_layout(
    lm: PreTrainedModel, rows: Sequence[Branches], requested: LayoutName = "auto", *, caches: bool = True
) -> ChosenLayout:
    """Return the fastest layout that gives the model's own log-probs on these rows, or the one that was asked for.

    ``auto`` shares prompts where that saves positions and packs rows; if the model does not take such a mask, or takes
    it and computes something else, the prompt's cache is shared; if it cannot, every response gets its own row.

    Args:
        lm: The language model, in evaluation mode.
        rows: Real rows, the longest one first, because a sliding window shows only in rows that are longer. Their
            lengths decide what is tried; the first few are computed.
        requested: ``auto`` or one layout.
        caches: Whether the model may keep a cache in training; activation checkpointing forbids it.

    Raises:
        ModelError: The layout that was asked for is not exact for this model.
    """
    check = _Check(lm, rows[:_CHECKED_ROWS])
    refused = list[str]()
    for name in _candidates(rows, caches=caches) if requested == "auto" else [requested]:
        verdicts = list[str]()
        for layout in (make() for make in _LAYOUTS[name]):
            difference = check(layout, verdicts)
            if difference is not None:
                return ChosenLayout(layout, _reason(layout, rows, difference, [*refused, *verdicts]))
        refused.append(f"{name}: {verdicts[-1]}")
    raise ModelError(
        f"the layout is not exact for this model: {'; '.join(refused)}",
        where=f"--layout {requested}",
        fix="use --layout auto, which takes another one where this happens",
    )


class _Check:
    """Compares layouts with the model's plain forward on a few rows; never holds the logits of more than one."""

    def __init__(self, lm: PreTrainedModel, rows: Sequence[Branches]) -> None:
        self._lm, self._rows = lm, rows
        self._plain = [_plain_logps(lm, row) for row in rows]
        padded = PaddedLayout()
        self._padded = max(_difference(padded, lm, [row], [own]) for row, own in zip(rows, self._plain, strict=True))
        self._tolerance = max(_EXACT, _NOISE * self._padded)

    def __call__(self, layout: Layout, refusals: list[str]) -> float | None:
        """Return by how much a layout differs; if that is too much, leave the model as it was and add why."""
        config: Any = self._lm.config
        attention = config._attn_implementation  # noqa: SLF001 - it has no other name
        try:
            padded = isinstance(layout, PaddedLayout)
            difference = self._padded if padded else _difference(layout, self._lm, self._rows, self._plain)
        except Exception as error:  # noqa: BLE001 - what a model does with a mask it does not know has no common type
            refusals.append(next(iter(str(error).splitlines()), type(error).__name__))
        else:
            if difference <= self._tolerance:
                return difference
            refusals.append(f"differs by {difference:.2g} nats")
        if config._attn_implementation != attention:  # noqa: SLF001 - likewise
            self._lm.set_attn_implementation(attention)
        return None


def _candidates(rows: Sequence[Branches], *, caches: bool) -> list[str]:
    shares = sum(map(fed_tokens, rows)) < _WORTH_SHARING * _separate_tokens(rows)
    cached = ["prefix-cache"] if shares and caches else []
    return ["prefix-packed" if shares else "packed", *cached, "separate", "padded"]


def _separate_tokens(rows: Sequence[Branches]) -> int:
    return sum(len(row.prompt_ids) + len(response) - 1 for row in rows for response in row.response_ids)


def _reason(layout: Layout, rows: Sequence[Branches], difference: float, refused: Sequence[str]) -> str:
    name = layout.name
    fed = _separate_tokens(rows) if name in {"padded", "separate", "packed"} else sum(map(fed_tokens, rows))
    saved = f"{fed / len(rows):,.0f} of {_separate_tokens(rows) / len(rows):,.0f} tokens per row are computed"
    instead = f"; not {'; not '.join(refused)}" if refused else ""
    return f"layout {name}: {saved}, log-probs within {max(difference, 1e-9):.0e} of the plain forward{instead}"


@torch.no_grad()
def _difference(
    layout: Layout, lm: PreTrainedModel, rows: Sequence[Branches], plain: Sequence[Sequence[Tensor]]
) -> float:
    """Return the largest difference from the plain log-probs over all response tokens; infinite if any is NaN."""
    inputs = {name: tensor.to(lm.device) for name, tensor in layout.collate(rows).items()}
    logps_NT = layout.forward(lm, inputs).logps_NT
    responses = [response for row in rows for response in row.response_ids]
    differences = [
        (logps_T[: len(response)] - plain_T).abs().max()
        for logps_T, plain_T, response in zip(logps_NT, [p for row in plain for p in row], responses, strict=True)
    ]
    return float(torch.stack(differences).max().nan_to_num(nan=float("inf")))


@torch.no_grad()
def _plain_logps(lm: PreTrainedModel, row: Branches) -> list[Tensor]:
    """Return the log-probs of every response of a row by the model's own forward: one sequence, no padding, no mask."""
    return [_plain(lm, row.prompt_ids, response) for response in row.response_ids]


def _plain(lm: PreTrainedModel, prompt_ids: Sequence[int], response_ids: Sequence[int]) -> Tensor:
    count = len(response_ids)
    keep = {"logits_to_keep": count + 1} if "logits_to_keep" in inspect.signature(lm.forward).parameters else {}
    output: Any = lm(input_ids=torch.tensor([[*prompt_ids, *response_ids]], device=lm.device), use_cache=False, **keep)
    logits_TV = output.logits[0, -count - 1 : -1].float()
    target_T1 = torch.tensor(response_ids, device=lm.device).unsqueeze(-1)
    logps_T: Tensor = logits_TV.gather(-1, target_T1).squeeze(-1) - logits_TV.logsumexp(-1)
    return logps_T
