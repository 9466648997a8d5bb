"""Which columns of the data hold the prompt, the responses and the label: known shapes, and formats of plugins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from upo_sdk.data.context import TEMPLATE_COLUMNS
from upo_sdk.data.messages import is_answer
from upo_sdk.data.problems import RowError, kind_of
from upo_sdk.errors import DataError, did_you_mean
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from upo_sdk.config.sections import DataConfig
    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["BUILTIN_FORMATS", "ROLES", "Kind", "Shape", "choose_format", "detect_shape", "row_converter"]

BUILTIN_FORMATS = ("pairs", "unpaired")

Kind = Literal["pairs", "unpaired"]

ROLES = ("prompt", "chosen", "rejected", "completion", "label", "system", "history", *TEMPLATE_COLUMNS)
"""What ``columns`` may map; the names are TRL's and LLaMA-Factory's."""

_BESIDE = ("system", "history", *TEMPLATE_COLUMNS)
"""Columns that are read beside any shape, in whichever row has them."""
_SYSTEM_TOO = "system_prompt"

_OPTIONAL = "input"
"""Behind ``instruction``: rows without it have nothing to add."""
_PROMPTS: tuple[tuple[str, ...], ...] = (
    ("prompt",),
    ("question",),
    ("instruction", _OPTIONAL),  # Alpaca and LLaMA-Factory
    ("conversations",),  # LLaMA-Factory, ShareGPT style
    ("query",),
    ("input",),
)
_PAIRS: tuple[tuple[str, str], ...] = (
    ("chosen", "rejected"),  # TRL
    ("chosen_response", "rejected_response"),  # NeMo
    ("response_chosen", "response_rejected"),
    ("preferred_output", "non_preferred_output"),  # OpenAI
)
_UNPAIRED: tuple[tuple[str, str], ...] = (
    ("completion", "label"),  # TRL
    ("output", "kto_tag"),  # LLaMA-Factory
)
_WHOLE_AND_REJECTED = ("messages", "rejected_response")  # ms-swift
_WHOLE_AND_LABEL: tuple[tuple[str, str], ...] = (
    ("messages", "label"),  # ms-swift
    ("conversations", "kto_tag"),  # LLaMA-Factory, ShareGPT style
    ("messages", "kto_tag"),
    ("conversations", "label"),
)


def choose_format(
    wanted: str | None, formats: Sequence[DatasetFormatSpec], columns: Collection[str]
) -> DatasetFormatSpec | None:
    """Return the plugin's format of that name, or the one whose columns are all there; None for a built-in shape.

    Raises:
        DataError: No format has that name.
    """
    if wanted is None:
        return next((spec for spec in formats if spec.columns and spec.columns <= set(columns)), None)
    if wanted in BUILTIN_FORMATS:
        return None
    known = [*BUILTIN_FORMATS, *(spec.name for spec in formats)]
    if wanted not in known:
        raise DataError(
            f"there is no dataset format '{wanted}'",
            where="`data.format`",
            fix=f"{did_you_mean(wanted, known)}known: {', '.join(known)}",
        )
    return next(spec for spec in formats if spec.name == wanted)


def row_converter(spec: DatasetFormatSpec) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Return a function that converts one raw row, raising :class:`RowError` for what the plugin makes of it.

    Raises:
        DataError: The plugin's function cannot be imported.
    """
    try:
        convert: Callable[[Mapping[str, Any]], Any] = load_target(spec.target)
    except Exception as error:
        raise DataError(
            f"the dataset format '{spec.name}' cannot be imported: {type(error).__name__}: {error}", where=spec.target
        ) from error

    def convert_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            converted = convert(row)
        except Exception as error:
            raise RowError(None, f"made the format '{spec.name}' raise {type(error).__name__}: {error}") from error
        if not isinstance(converted, dict):
            raise RowError(None, f"became {kind_of(converted)} in the format '{spec.name}', not columns")
        return converted

    return convert_row


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a row's parts are, as the source calls its columns.

    Attributes:
        kind: Pairs, or single completions with a label.
        prompt: Columns whose texts, joined by a line break, are the prompt; empty if it stands within the responses.
        responses: Chosen and rejected, or the completion alone.
        label: Whether a completion is desirable; for pairs, which of the two responses is better (0 or 1), if the
            order does not say it.
        optional: The one of the prompt's columns that a row may lack.
        whole: The first response is a whole conversation, whose last message answers the others.
        beside: The columns that a row may have besides, by our names: ``system``, ``history``, ``tools``,
            ``documents`` and ``chat_template_kwargs``.
    """

    kind: Kind
    prompt: tuple[str, ...]
    responses: tuple[str, ...]
    label: str | None = None
    optional: str | None = None
    whole: bool = False
    beside: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that every row must have."""
        named = {*self.prompt, *self.responses, *((self.label,) if self.label else ())}
        return frozenset(named - {self.optional})

    @cached_property
    def reads(self) -> frozenset[str]:
        """All columns that become part of prompt, responses or label, where a row has them."""
        return self.columns | {*self.prompt, self.beside["system"], self.beside["history"]}

    @property
    def names(self) -> dict[str, str]:
        """What the source calls the columns of normalised rows; a prompt within the responses is in theirs."""
        parts = {
            "prompt": self.prompt or self.responses,
            "responses": self.responses,
            "messages": dict.fromkeys((*self.prompt, *self.responses)),
        }
        return {part: " + ".join(columns) for part, columns in parts.items()}

    def in_order(self, columns: Collection[str]) -> list[str]:
        """Return the given ones of prompt and responses, in that order."""
        return [column for column in (*self.prompt, *self.responses) if column in columns]

    def describe(self, found: Collection[str], *, conversational: bool) -> str:
        """Return which columns were taken for which part, or an empty string if they have our names.

        Args:
            found: The columns that any row has.
            conversational: Whether rows are messages, not text.
        """
        ours = ("chosen", "rejected") if self.kind == "pairs" else ("completion",)
        context = [self.beside[name] for name in ("system", "history") if self.beside[name] in found]
        own = [column for column in self.prompt if column in found]
        prompt = " + ".join(own if conversational else [*context, *own])
        parts = [(prompt, "prompt"), *zip(self.responses, ours, strict=True)]
        if self.kind == "unpaired" and self.label:
            parts.append((self.label, "label"))
        mapped = [f"{our} from '{their}'" for their, our in parts if their not in ("", our)]
        if self.whole:
            mapped[0] = f"{ours[0]} from the last message of '{self.responses[0]}'"
        if conversational:
            beside = ((name, self.beside[name]) for name in _BESIDE if self.beside[name] in found)
            mapped += [f"{_TAKEN_FOR[name]} from '{column}'" for name, column in beside]
        better = f"better one by '{self.label}'" if self.kind == "pairs" and self.label else ""
        return ", ".join([*mapped, *([better] if better else [])])


_TAKEN_FOR = {
    "system": "system message",
    "history": "earlier turns",
    "tools": "tools",
    "documents": "documents",
    "chat_template_kwargs": "arguments of the chat template",
}


def detect_shape(sample: Mapping[str, Any], config: DataConfig, source: str, *, labelled: bool = True) -> Shape:
    """Return the first known shape whose columns are there.

    Args:
        sample: The first row of the source.
        config: May map columns or force a shape.
        source: What to name as the place of an error.
        labelled: Whether single completions need a label.

    Raises:
        DataError: A mapped column is missing, or no shape fits.
    """
    names = list(sample)
    _check_mapping(config.columns, names, source)
    ours = {name: name for name in names} | config.columns
    for shape in _known_shapes(ours, sample, labelled=labelled):
        if config.format not in BUILTIN_FORMATS or config.format == shape.kind:
            return _in_their_names(shape, ours)
    raise DataError(
        f"the columns match no known data format: {', '.join(map(repr, names)) or 'there are none'}",
        where=source,
        fix=f"{_guess(names)}pairs need chosen and rejected (and prompt), single completions need prompt"
        f"{', completion and label' if labelled else ' and completion'}; name yours, for example "
        "`data.columns.prompt=question`",
    )


def _known_shapes(ours: Mapping[str, str], sample: Mapping[str, Any], *, labelled: bool) -> Iterable[Shape]:
    prompt = next((columns for columns in _PROMPTS if columns[0] in ours), ())
    optional = _OPTIONAL if len(prompt) > 1 else None
    for pair in _PAIRS:
        if ours.keys() >= set(pair):
            before = prompt or _messages_before(sample, ours, pair[0])
            yield Shape(kind="pairs", prompt=before, responses=pair, optional=optional)
    if ours.keys() >= {"prompt", "response_0", "response_1", "better_response_id"}:  # PKU-SafeRLHF
        yield Shape(
            kind="pairs", prompt=("prompt",), responses=("response_0", "response_1"), label="better_response_id"
        )
    if ours.keys() >= set(_WHOLE_AND_REJECTED):
        yield Shape(kind="pairs", prompt=(), responses=_WHOLE_AND_REJECTED, whole=True)
    for completion, label in _UNPAIRED:
        if prompt and ours.keys() >= {completion, label}:
            yield Shape(kind="unpaired", prompt=prompt, responses=(completion,), label=label, optional=optional)
    for completion, label in _WHOLE_AND_LABEL:
        if ours.keys() >= {completion, label}:
            yield Shape(kind="unpaired", prompt=(), responses=(completion,), label=label, whole=True)
    if not labelled:
        yield from _without_label(ours, prompt, optional)


def _without_label(ours: Mapping[str, str], prompt: tuple[str, ...], optional: str | None) -> Iterable[Shape]:
    for completion, _ in _UNPAIRED:
        if prompt and completion in ours:
            yield Shape(kind="unpaired", prompt=prompt, responses=(completion,), optional=optional)
    for completion in dict(_WHOLE_AND_LABEL):
        if completion in ours:
            yield Shape(kind="unpaired", prompt=(), responses=(completion,), whole=True)


def _messages_before(sample: Mapping[str, Any], ours: Mapping[str, str], response: str) -> tuple[str, ...]:
    """Return ``messages`` as the prompt, unless the responses are whole conversations themselves."""
    found: Any = sample.get(ours[response])
    whole = isinstance(found, list) and not is_answer(found)
    return ("messages",) if "messages" in ours and not whole else ()


def _in_their_names(shape: Shape, ours: Mapping[str, str]) -> Shape:
    named = replace(
        shape,
        prompt=tuple(ours.get(name, name) for name in shape.prompt),
        responses=tuple(ours[name] for name in shape.responses),
        label=ours[shape.label] if shape.label else None,
        optional=ours.get(shape.optional, shape.optional) if shape.optional else None,
    )
    taken = {*named.prompt, *named.responses, named.label}
    beside = {name: ours.get(name, name) for name in _BESIDE}
    if "system" not in ours and _SYSTEM_TOO in ours:
        beside["system"] = _SYSTEM_TOO
    return replace(named, beside={name: "" if column in taken else column for name, column in beside.items()})


def _check_mapping(columns: Mapping[str, str], found: list[str], source: str) -> None:
    for ours, theirs in columns.items():
        if ours not in ROLES:
            raise DataError(
                f"'{ours}' is not a role that a column can have",
                where="`data.columns`",
                fix=f"{did_you_mean(ours, list(ROLES))}map one of: {', '.join(ROLES)}, for example "
                "`data.columns.prompt=question`",
            )
        if theirs not in found:
            raise DataError(
                f"there is no column '{theirs}', which `data.columns` names for '{ours}'",
                where=source,
                fix=f"{did_you_mean(theirs, found)}the columns are: {', '.join(map(repr, found))}",
            )


def _guess(found: list[str]) -> str:
    guesses: list[tuple[str, Any]] = [(name, did_you_mean(name, list(ROLES))) for name in found if name not in ROLES]
    return next((f"'{name}': {guess}" for name, guess in guesses if guess), "")
