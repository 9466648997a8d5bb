"""The shapes of preference data we know: which columns hold the prompt, the responses and the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from upo_sdk.data.formats import BUILTIN_FORMATS
from upo_sdk.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from upo_sdk.config.data import DataConfig

__all__ = ["ROLES", "Kind", "Shape", "detect_shape"]

Kind = Literal["pairs", "unpaired"]

ROLES = ("prompt", "chosen", "rejected", "completion", "label")
"""What ``columns`` may map; the names are TRL's."""

_PROMPTS: tuple[tuple[str, ...], ...] = (
    ("prompt",),
    ("system", "question"),  # Orca DPO pairs
    ("question",),
    ("instruction", "input"),  # Alpaca and LLaMA-Factory
    ("instruction",),
    ("conversations",),  # LLaMA-Factory, ShareGPT style
    ("query",),
    ("input",),
)
_PAIRS: tuple[tuple[str, str], ...] = (
    ("chosen", "rejected"),  # TRL
    ("chosen_response", "rejected_response"),  # NeMo
    ("response_chosen", "response_rejected"),
)
_UNPAIRED: tuple[tuple[str, str], ...] = (
    ("completion", "label"),  # TRL
    ("output", "kto_tag"),  # LLaMA-Factory
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Where a row's parts are, as the source calls its columns.

    Attributes:
        kind: Pairs, or single completions with a label.
        prompt: Columns whose texts, joined by a line break, are the prompt; empty if it stands within the responses.
        responses: Chosen and rejected, or the completion alone.
        label: Whether a completion is desirable; for pairs, which of the two responses is better (0 or 1), if the
            order does not say it.
    """

    kind: Kind
    prompt: tuple[str, ...]
    responses: tuple[str, ...]
    label: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are read."""
        return frozenset((*self.prompt, *self.responses, *((self.label,) if self.label else ())))

    def describe(self) -> str:
        """Return which columns were taken for which part, or an empty string if they have our names."""
        ours = ("chosen", "rejected") if self.kind == "pairs" else ("completion",)
        parts = [(" + ".join(self.prompt), "prompt"), *zip(self.responses, ours, strict=True)]
        if self.kind == "unpaired" and self.label:
            parts.append((self.label, "label"))
        mapped = [f"{our} from '{their}'" for their, our in parts if their not in ("", our)]
        better = f"better one by '{self.label}'" if self.kind == "pairs" and self.label else ""
        return ", ".join([*mapped, *([better] if better else [])])


def detect_shape(found: Iterable[str], config: DataConfig, source: str) -> Shape:
    """Return the first known shape whose columns are there.

    Args:
        found: The columns of the source.
        config: May map columns or force a shape.
        source: What to name as the place of an error.

    Raises:
        DataError: A mapped column is missing, or no shape fits.
    """
    names = list(found)
    _check_mapping(config.columns, names, source)
    ours = {name: name for name in names} | config.columns
    for shape in _known_shapes(ours):
        if config.format not in BUILTIN_FORMATS or config.format == shape.kind:
            return _in_their_names(shape, ours)
    raise DataError(
        f"the columns fit no known shape: {', '.join(map(repr, names)) or 'there are none'}",
        where=source,
        fix=f"{_guess(names)}pairs need chosen and rejected (and prompt), single completions need prompt, completion "
        "and label; name yours with --columns prompt=question, or `columns: {prompt: question}` in the data section",
    )


def _known_shapes(ours: Mapping[str, str]) -> Iterable[Shape]:
    prompt = next((columns for columns in _PROMPTS if ours.keys() >= set(columns)), ())
    for pair in _PAIRS:
        if ours.keys() >= set(pair):
            yield Shape(kind="pairs", prompt=prompt, responses=pair)
    if ours.keys() >= {"prompt", "response_0", "response_1", "better_response_id"}:  # PKU-SafeRLHF
        yield Shape(
            kind="pairs", prompt=("prompt",), responses=("response_0", "response_1"), label="better_response_id"
        )
    for completion, label in _UNPAIRED:
        if prompt and ours.keys() >= {completion, label}:
            yield Shape(kind="unpaired", prompt=prompt, responses=(completion,), label=label)


def _in_their_names(shape: Shape, ours: Mapping[str, str]) -> Shape:
    return Shape(
        kind=shape.kind,
        prompt=tuple(ours[name] for name in shape.prompt),
        responses=tuple(ours[name] for name in shape.responses),
        label=ours[shape.label] if shape.label else None,
    )


def _check_mapping(columns: Mapping[str, str], found: list[str], source: str) -> None:
    for ours, theirs in columns.items():
        if ours not in ROLES:
            raise DataError(
                f"'{ours}' is no column of ours that could be mapped",
                where="data.columns",
                fix=f"{did_you_mean(ours, list(ROLES))}map one of: {', '.join(ROLES)}, such as {{prompt: question}}",
            )
        if theirs not in found:
            raise DataError(
                f"there is no column '{theirs}' to take '{ours}' from",
                where=source,
                fix=f"{did_you_mean(theirs, found)}its columns are: {', '.join(map(repr, found))}",
            )


def _guess(found: list[str]) -> str:
    guesses: list[tuple[str, Any]] = [(name, did_you_mean(name, list(ROLES))) for name in found if name not in ROLES]
    return next((f"'{name}': {guess}" for name, guess in guesses if guess), "")
