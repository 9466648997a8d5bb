"""The text form of an objective with several values: ``toxicity:0,0.1,0.3`` and ``dpo:beta=0.05,0.1``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from upo_sdk.config import ObjectiveRef
from upo_sdk.config.objective_ref import parse, read_weight
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.names import label_of
from upo_sdk.records import SweepAxis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.plugin.registry import Registry

__all__ = ["ObjectiveGrid", "Variant", "parse_objective"]

_COMMA = re.compile(r",(?![^()]*\))")  # not one within the brackets of a schedule
_OPTION = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_OPTION_IN_HEAD = re.compile(r"(?!.*://)(.+?):([A-Za-z_]\w*=.*)", re.DOTALL)
_FORM = "NAME:WEIGHT,WEIGHT,OPTION=VALUE,VALUE such as toxicity:0,0.1,0.3 or dpo:beta=0.05,0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to write an objective of the grid.

    Attributes:
        values: What was chosen, by the key of the axis.
    """

    ref: ObjectiveRef
    values: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveGrid:
    """Everything that one ``--objective`` stands for; an objective that does not vary has one variant and no axis."""

    label: str
    axes: tuple[SweepAxis, ...]
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    key: str  # empty for the weight
    values: list[str]


def parse_objective(text: str, registry: Registry) -> ObjectiveGrid:
    """Read an objective whose weight and options may have several values, parted by commas.

    A comma parts values of the same thing; in front of ``NAME=`` it starts the next option. The first option may stand
    behind a colon: ``dpo:beta=0.05,0.1``. A single value reads as in :class:`ObjectiveRef`.

    Raises:
        ObjectiveRefError: The text does not have this form, or could be meant in two ways.
        UnknownObjectiveError: No plugin has the objective.
    """
    name, parts = _split(text)
    for part in parts:
        _check(part, text)
    variants = [_variant(name, parts, chosen) for chosen in product(*(part.values for part in parts))]
    label = label_of(variants[0], registry)
    keys = [f"{label}.{part.key}" if part.key else label for part in parts]
    axes = [SweepAxis(key=key, values=tuple(part.values)) for key, part in zip(keys, parts, strict=True)]
    varying = tuple(axis for axis in axes if len(axis.values) > 1)
    combinations = product(*(axis.values for axis in axes))
    wanted = {axis.key for axis in varying}
    return ObjectiveGrid(
        label=label,
        axes=varying,
        variants=tuple(
            Variant(ref=ref, values={key: value for key, value in zip(keys, chosen, strict=True) if key in wanted})
            for ref, chosen in zip(variants, combinations, strict=True)
        ),
    )


def _split(text: str) -> tuple[str, list[_Part]]:
    head, *rest = (segment.strip() for segment in _COMMA.split(text))
    if found := _OPTION_IN_HEAD.fullmatch(head):
        head, rest = found[1], [found[2], *rest]
    name = str(parse(head)["name"])
    weight = head[len(name) :].removeprefix(":").strip()
    parts = [_Part("", [weight])] if weight else []
    for segment in rest:
        if option := _OPTION.fullmatch(segment):
            parts.append(_Part(option[1], [option[2].strip()]))
        elif parts:
            parts[-1].values.append(segment)
        else:
            fix = f"write {name}:{segment}, or {name},OPTION={segment}"
            raise ObjectiveRefError(f"'{segment}' is a value without an option", where=_place(text), fix=fix)
    return name, parts


def _check(part: _Part, text: str) -> None:
    what = f"option '{part.key}'" if part.key else "the weight"
    if "" in part.values:
        raise ObjectiveRefError(f"{what} has an empty value", where=_place(text), fix=f"write {_FORM}")
    if part.key == "as" and len(part.values) > 1:
        fix = "give one: as=NAME"
        raise ObjectiveRefError("a label cannot be varied", where=_place(text), fix=fix)
    if not part.key:
        _check_schedules(part.values, text)
    seen = list[object]()
    for value in part.values:
        if (meaning := _meaning(value)) in seen:
            raise ObjectiveRefError(f"{what} has the value {value} twice", where=_place(text), fix="give it once")
        seen.append(meaning)


def _check_schedules(weights: Sequence[str], text: str) -> None:
    """Refuse ``0.1,0.3@linear(0,500)``: the schedule may be meant for both weights, and is written behind one."""
    plain = [weight for weight in weights if "@" not in weight and read_weight(weight, text) != 0]
    scheduled = [weight for weight in weights if "@" in weight]
    if plain and scheduled:
        schedule = scheduled[0].partition("@")[2]
        raise ObjectiveRefError(
            f"some weights have @{schedule}, but {', '.join(plain)} does not",
            where=_place(text),
            fix=f"write {plain[0]}@{schedule} to schedule that one too, or {plain[0]}@step(0) to keep it constant",
        )


def _meaning(value: str) -> object:
    try:
        return float(value)
    except ValueError:
        return value


def _variant(name: str, parts: Sequence[_Part], chosen: Sequence[str]) -> ObjectiveRef:
    weight = "".join(f":{value}" for part, value in zip(parts, chosen, strict=True) if not part.key)
    options = "".join(f",{part.key}={value}" for part, value in zip(parts, chosen, strict=True) if part.key)
    return ObjectiveRef.model_validate(f"{name}{weight}{options}")


def _place(text: str) -> str:
    return f"objective '{text}'"
