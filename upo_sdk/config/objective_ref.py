"""One objective as the user names it: a name, a weight and options, in text, YAML or code."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from upo_sdk.config.objective_target import join_target, match_targeted, split_target
from upo_sdk.config.schedule import Schedule
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ObjectiveRef", "check_labels"]

_NAME = r"[A-Za-z_]\w*"
_DOTTED_PATH = re.compile(rf"{_NAME}(\.{_NAME})+:{_NAME}(\.{_NAME})*")
_IMPORT_PATH = re.compile(rf"{_NAME}(\.{_NAME})*:{_NAME}(\.{_NAME})*")
# The commas within a schedule's brackets do not part options, so it is taken out first. A name may hold an '@'.
_SCHEDULE = re.compile(r"^([^,]*)@([^,@:/]*\([^()]*\)|(?:linear|cosine|step)\b[^,]*)(?=,|$)")
_FILE = re.compile(rf"(?P<path>[^,]*?\w\.py)(?::(?P<function>{_NAME}))?(?::(?P<weight>.*))?")
_FORM = "NAME[:WEIGHT][@SCHEDULE][,OPTION=VALUE]..., for example toxicity:0.3 or toxicity:0.3,model=builtin"
_RESERVED = {"as": "label", "normalize": "normalize"}


class ObjectiveRef(BaseModel):
    """A reference to an objective.

    Text form: ``NAME[:TARGET][:WEIGHT][@SCHEDULE][,OPTION=VALUE]...``. ``NAME`` is a registered name, some of which
    take a target, or a dotted path ``package.module:attribute``; a URL is name and target in one. Two options are
    reserved: ``as`` sets the label, which lets one objective be used twice, and ``normalize`` the normalisation.

    Attributes:
        name: Registered name, dotted path, or the module of ``module:function``, whose function is the target.
        target: What the objective reads or calls, such as ``org/model`` of ``hf:org/model``; it sets the option that
            the objective's spec calls positional.
        weight: Not negative, finite. It multiplies the reward of an auxiliary objective, the loss of a preference
            objective. An auxiliary objective of weight zero is not scored at all.
        schedule: How the weight changes over the run, such as ``linear(0,500)``; None keeps it. See :class:`Schedule`.
        normalize: What is done to the rewards of an auxiliary objective before they are weighted, with statistics of
            the training data: ``zscore`` (subtract the mean, divide by the standard deviation), ``rank`` (the share of
            training completions with a lower reward, equal ones counted half), or ``none``.
        options: Options as written; the objective's own options model validates them.
        label: The name under which it is logged: what ``as`` says, else name and target as typed, for which the
            objective's spec has a short form.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    target: str = ""
    weight: float = 1.0
    schedule: str | None = None
    normalize: Literal["none", "zscore", "rank"] = "none"
    options: dict[str, Any] = Field(default_factory=dict)
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = parse(value)
        elif isinstance(value, dict) and "name" not in value and len(value) == 1:
            ((name, weight),) = value.items()
            value = parse(f"{name}:{weight}") if isinstance(weight, str) else {"name": name, "weight": weight}
        if isinstance(value, dict) and isinstance(value.get("name"), str) and not value.get("target"):
            name, target = split_target(value["name"])
            value = {**value, "name": name, "target": target}
        return value

    @model_validator(mode="after")
    def _check(self) -> ObjectiveRef:
        if not math.isfinite(self.weight) or self.weight < 0:
            raise ObjectiveRefError(
                f"the weight of '{self.name}' is {self.weight:g}; a weight is finite and not negative",
                where=f"objective '{self}'",
                fix=f"write {self.name}:0.3, or leave the objective out",
            )
        if self.schedule is not None:
            object.__setattr__(self, "schedule", str(Schedule.parse(self.schedule)))
        if not self.label:
            object.__setattr__(self, "label", self.named)
        return self

    @property
    def named(self) -> str:
        """Name and target as the text form has them."""
        return join_target(self.name, self.target)

    @property
    def may_be_imported(self) -> bool:
        """Whether it reads like the import path of a class or function, which it is if nobody registered the name."""
        return _IMPORT_PATH.fullmatch(self.named) is not None

    def __str__(self) -> str:
        label = {"as": self.label} if self.label != self.named else {}
        normalize = {"normalize": self.normalize} if self.normalize != "none" else {}
        options = {**label, **normalize, **self.options}
        written = "".join(f",{key}={_write(value)}" for key, value in options.items())
        schedule = f"@{self.schedule}" if self.schedule else ""
        return redact(f"{self.named}:{self.weight:g}{schedule}{written}")


def parse(text: str) -> dict[str, Any]:
    """Split the text form into the fields of an :class:`ObjectiveRef`.

    Raises:
        ObjectiveRefError: The text does not have the form, or the weight is not a number.
    """
    scheduled = _SCHEDULE.match(text)
    rest = scheduled[1] + text[scheduled.end() :] if scheduled else text
    head, *assignments = (part.strip() for part in rest.split(","))
    name, weight = _split_head(head, text)
    fields: dict[str, Any] = {"name": name, "weight": weight, "options": {}}
    if scheduled:
        fields["schedule"] = scheduled[2]
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ObjectiveRefError(
                f"'{assignment}' is not an option",
                where=f"objective '{text}'",
                fix=f"write {_FORM}{'; a URL with a comma needs the YAML form' if '://' in head else ''}",
            )
        field = _RESERVED.get(key)
        if key in fields["options"] or field in fields:
            raise ObjectiveRefError(f"option '{key}' is given twice", where=f"objective '{text}'", fix="give it once")
        if field:
            fields[field] = value
        else:
            fields["options"][key] = value
    return fields


def _split_head(head: str, text: str) -> tuple[str, float]:
    targeted = match_targeted(head)
    if targeted is None and (file := _FILE.fullmatch(head)):
        raise _is_file(file, text)
    path = targeted or _DOTTED_PATH.match(head)
    name = path.group() if path else head.partition(":")[0]
    colon, weight = head[len(name) : len(name) + 1], head[len(name) + 1 :]
    if not name:
        raise ObjectiveRefError("an objective has no name", where=f"objective '{text}'", fix=f"write {_FORM}")
    if not colon:
        return name, 1.0
    return name, read_weight(weight, text)


def read_weight(weight: str, text: str) -> float:
    """Return the weight in the text form of an objective.

    Raises:
        ObjectiveRefError: It is no number.
    """
    try:
        return float(weight)
    except ValueError:
        raise ObjectiveRefError(
            f"the weight '{weight}' is not a number", where=f"objective '{text}'", fix=f"write {_FORM}"
        ) from None


def _is_file(file: re.Match[str], text: str) -> ObjectiveRefError:
    """Return how a function in a file is named; a path is not imported, so that nothing runs by where one stands."""
    path, function, weight = PureWindowsPath(file["path"]), file["function"] or "FUNCTION", file["weight"] or "1.0"
    folder = path.parent.as_posix()
    return ObjectiveRefError(
        f"'{file['path']}' is a file, and an objective is named by the module to import",
        where=f"objective '{text}'",
        fix=f"set PYTHONPATH={folder} and name it `objectives={path.stem}:{function}:{weight}`; or make it a package",
    )


def _write(value: Any) -> str:
    if isinstance(value, dict):
        return "+".join(f"{key}:{item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "+".join(map(str, value))
    return str(value)


def check_labels(labels: Sequence[str]) -> None:
    """Check that no label occurs twice.

    Raises:
        ObjectiveRefError: One does.
    """
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise ObjectiveRefError(
            f"objective '{twice[0]}' is named twice",
            where="`objectives`",
            fix=f"name it once, or give one of the two another label: as=second_{twice[0].rpartition(':')[2]}",
        )
