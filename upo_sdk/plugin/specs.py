"""The five hooks, all of which register, and the frozen descriptions with lazy targets that they return."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "PROJECT",
    "DatasetFormatSpec",
    "HookSpecs",
    "ObjectiveKind",
    "ObjectiveSpec",
    "TargetKind",
    "hookimpl",
    "load_target",
]

ObjectiveKind = Literal["preference", "auxiliary"]
TargetKind = Literal["name", "path", "import", "url"]

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")

PROJECT = "upo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


def _check(name: str, *targets: str | None) -> None:
    if not _NAME.fullmatch(name):
        msg = f"{name!r} is not a name: lower-case letters, digits, '-' and '_', starting with a letter"
        raise ValueError(msg)
    for target in targets:
        if target is not None and not _TARGET.fullmatch(target):
            msg = f"{target!r} is not a target: write 'package.module:Attribute'"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveSpec:
    """One objective, described without importing it.

    Attributes:
        name: What users type; lower case.
        kind: ``"preference"`` or ``"auxiliary"``.
        target: ``"package.module:Class"``, called with the options; imported only when the objective is used.
        options: ``"package.module:OptionsClass"``, or the target again if it is a function made an objective by
            ``auxiliary_objective``; this module must stay light (no torch). None: it takes no options.
        summary: One line for ``upo objectives list``.
        bounds: The interval in which an auxiliary reward lies, or None if it has none.
        variants: Further names that people may look for, such as ``"ipo"``, each with the text form to write instead.
        positional: The option that the target of ``NAME:TARGET[:WEIGHT]`` sets; None: it takes no target.
        target_kind: What a target is, which also makes its label: a ``"name"`` (the label is all of it), a ``"path"``
            (its last part), a ``"url"`` (its host; a URL without a name before it goes to the objective named as its
            scheme), or an ``"import"`` path ``package.function`` (its last name; the block list of plugins covers the
            package, as it does for dotted paths).
        default_for: Shapes of data, ``"pairs"`` or ``"unpaired"``, for which this preference objective is used when
            the user names none; of several that offer it, the first, and built-ins come first.
        demo_options: Options that the demo sets if the user does not, so that it needs no download.
    """

    name: str
    kind: ObjectiveKind
    target: str
    options: str | None = None
    summary: str = ""
    bounds: tuple[float, float] | None = None
    variants: Mapping[str, str] = field(default_factory=dict[str, str])
    positional: str | None = None
    target_kind: TargetKind = "name"
    default_for: tuple[str, ...] = ()
    demo_options: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        _check(self.name, self.target, self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFormatSpec:
    """One dataset shape, described without importing it.

    Attributes:
        name: What ``data.format`` takes.
        columns: The columns whose presence selects this shape.
        target: ``"package.module:function"``: one raw row in, a row of a built-in shape out.
        summary: One line.
    """

    name: str
    columns: frozenset[str]
    target: str
    summary: str = ""

    def __post_init__(self) -> None:
        _check(self.name, self.target)


def load_target(target: str) -> Any:
    """Import ``"package.module:Attribute"`` and return the attribute.

    Raises:
        ImportError: The module cannot be imported.
        AttributeError: The module has no such attribute.
    """
    module, _, attribute = target.partition(":")
    found: Any = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


class HookSpecs:
    """What a plugin module may implement, each decorated with :data:`hookimpl`."""

    @hookspec
    def upo_register_objectives(self) -> Iterable[ObjectiveSpec]:  # type: ignore[empty-body]
        """Return the objectives this plugin provides. Import nothing heavy."""

    @hookspec
    def upo_register_dataset_formats(self) -> Iterable[DatasetFormatSpec]:  # type: ignore[empty-body]
        """Return the dataset shapes this plugin can read."""

    @hookspec
    def upo_register_commands(self, app: Any) -> None:
        """Add commands to the Typer application ``app``."""

    @hookspec
    def upo_register_callbacks(self, run: Any) -> Iterable[Any]:  # type: ignore[empty-body]
        """Return :class:`upo_sdk.events.Callback` objects for the run described by ``run``, a ``RunPlan``."""

    @hookspec
    def upo_review_run(self, run: Any) -> str | None:
        """Return a reason to refuse the run described by ``run``, a ``RunPlan``, or None; called before any work."""
