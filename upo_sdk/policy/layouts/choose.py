"""Which layout a run uses: picked from the lengths, checked on real rows against each row's own plain forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.errors import ModelError
from upo_sdk.policy.layouts.base import TokenizedRow, fed_tokens
from upo_sdk.policy.layouts.blocks import BlockLayout
from upo_sdk.policy.layouts.exactness import Exactness
from upo_sdk.policy.layouts.padded import PaddedLayout
from upo_sdk.policy.layouts.prefix_cache import PrefixCacheLayout
from upo_sdk.policy.layouts.segments import SegmentLayout
from upo_sdk.policy.layouts.separate import SeparateLayout
from upo_sdk.policy.layouts.single import SingleLayout
from upo_sdk.policy.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel

    from upo_sdk.config.sections import LayoutName
    from upo_sdk.policy.layouts.base import Layout
    from upo_sdk.policy.layouts.exactness import Difference

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
    "single": [SingleLayout],
}
"""What a name stands for: the first that is exact for the model."""
_CHECKED_ROWS = 4
_SHARING_THRESHOLD = 0.95
"""Fraction of the token positions above which sharing prompts saves too little to need another mask."""


@dataclass(frozen=True, slots=True)
class ChosenLayout:
    """A layout, whether the CPU kernels are exact with it, and one line about why it was chosen."""

    layout: Layout
    cpu_kernels: bool
    reason: str

    def policy(self, lm: PreTrainedModel) -> Policy:
        """Return the policy that was checked."""
        return Policy(lm, self.layout, cpu_kernels=self.cpu_kernels)


def choose_layout(
    lm: PreTrainedModel,
    rows: Sequence[TokenizedRow],
    requested: LayoutName = "auto",
    *,
    checkpointing: bool = False,
    training: bool = True,
    bf16: bool = False,
    cpu_kernels: bool = True,
) -> ChosenLayout:
    """Return the fastest layout that gives each row's own log-probs, or the one that was asked for.

    ``auto`` shares prompts where that saves positions and packs rows; if the model does not take such a mask, or takes
    it and computes something else, the prompt's cache is shared; if it cannot, every response gets its own row; where
    padding or a neighbour changes results, every response gets its own forward pass.

    Args:
        lm: The language model, in evaluation mode.
        rows: Real rows, the longest and the shortest among them, because windows and length-switched rotary embeddings
            show only there. Their lengths decide what is tried; a few are computed.
        requested: ``auto`` or one layout.
        checkpointing: Whether training uses activation checkpointing, which forbids a shared cache.
        training: Whether gradients will be asked for; else only log-probs are compared.
        bf16: Whether training computes under bfloat16 autocast.
        cpu_kernels: Whether parts of the model may be computed in another way than its modules do.

    Raises:
        ModelError: The layout that was asked for, or every layout, is not exact for this model.
    """
    names = _candidates(rows, caches=not checkpointing) if requested == "auto" else [requested]
    exactness = Exactness(lm, _check_rows(rows), training=training, bf16=bf16, checkpointing=checkpointing)
    refused = list[str]()
    for kernels in (True, False) if cpu_kernels else (False,):
        refused = list[str]()  # of the last try: without the kernels it is the model's own doing
        policy = Policy(lm, PaddedLayout(), cpu_kernels=kernels)
        try:
            for name in names:
                chosen = _first_exact(policy, name, exactness, refused)
                if chosen is not None:
                    without = cpu_kernels and not kernels
                    reason = _reason(chosen[0], rows, chosen[1], refused, policy.kernels.left, without=without)
                    return ChosenLayout(chosen[0], kernels, reason)
        finally:
            policy.kernels.remove()
    raise _not_exact(refused, requested, checkpointing=checkpointing)


def _first_exact(
    policy: Policy, name: str, exactness: Exactness, refused: list[str]
) -> tuple[Layout, Difference] | None:
    """Return the first exact layout of a name; add why others are not."""
    verdicts = list[str]()
    attention = policy.config._attn_implementation  # noqa: SLF001 - it has no other name
    for make in _LAYOUTS[name]:
        policy.layout = make()
        if isinstance(policy.layout, SegmentLayout) and not policy.kernels.enabled:
            continue
        try:
            difference, exact = exactness.difference(policy)
        except Exception as error:  # noqa: BLE001 - what a model does with a mask it does not know has no common type
            verdicts.append(next(iter(str(error).splitlines()), type(error).__name__))
        else:
            if exact:
                refused.extend(verdicts)
                return policy.layout, difference
            verdicts.append(str(difference))
        if policy.config._attn_implementation != attention:  # noqa: SLF001 - likewise
            policy.lm.set_attn_implementation(attention)
    refused.append(f"{name}: {verdicts[-1]}")
    return None


def _check_rows(rows: Sequence[TokenizedRow]) -> list[TokenizedRow]:
    """Return the row of the longest sequence, that of the shortest, and the first others."""
    longest = max(rows, key=lambda row: len(row.prompt_ids) + max(map(len, row.response_ids)))
    shortest = min(rows, key=lambda row: len(row.prompt_ids) + min(map(len, row.response_ids)))
    others = [row for row in rows if row is not longest and row is not shortest]
    return [longest, *([shortest] if shortest is not longest else []), *others][:_CHECKED_ROWS]


def _candidates(rows: Sequence[TokenizedRow], *, caches: bool) -> list[str]:
    shares = sum(map(fed_tokens, rows)) < _SHARING_THRESHOLD * _separate_tokens(rows)
    cached = ["prefix-cache"] if shares and caches else []
    return ["prefix-packed" if shares else "packed", *cached, "separate", "padded", "single"]


def _separate_tokens(rows: Sequence[TokenizedRow]) -> int:
    return sum(len(row.prompt_ids) + len(response) - 1 for row in rows for response in row.response_ids)


def _reason(
    layout: Layout,
    rows: Sequence[TokenizedRow],
    difference: Difference,
    refused: Sequence[str],
    left: dict[str, str],
    *,
    without: bool,
) -> str:
    name = layout.name
    shares = name in {"prefix-shared", "prefix-packed", "prefix-cache"}
    fed = sum(map(fed_tokens, rows)) if shares else _separate_tokens(rows)
    saved = f"{fed / len(rows):,.0f} of {_separate_tokens(rows) / len(rows):,.0f} tokens per row are computed"
    exact = f"log-probs within {max(difference.logps, 1e-9):.0e} of each row's own forward"
    return "; ".join(
        [
            f"layout {name}: {saved}, {exact}",
            *(f"not {reason}" for reason in refused),
            *(["no cpu_kernels: with them the model computes something else"] if without else []),
            *([f"own forward kept by {_listed(left)}"] if left else []),
        ]
    )


def _listed(left: dict[str, str]) -> str:
    return ", ".join(f"{name} ({reason})" for name, reason in left.items())


def _not_exact(refused: Sequence[str], requested: str, *, checkpointing: bool) -> ModelError:
    if requested != "auto":
        fix = "use `training.layout=auto`, which takes another one where this happens"
    elif checkpointing:
        fix = "leave out `training.gradient_checkpointing`: in training mode the model computes something else"
    else:
        fix = "use another model: what this one computes for a row is not the same every time"
    return ModelError(
        f"the layout is not exact for this model: {'; '.join(refused)}", where=f"`training.layout={requested}`", fix=fix
    )
