"""From a plain function to an auxiliary objective, with options from its keyword-only arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Concatenate, Literal, TypeVar, get_type_hints, overload

from pydantic import create_model

from upo_sdk.objectives.base import BaseObjective, Options
from upo_sdk.objectives.protocol import Needs

if TYPE_CHECKING:
    from pydantic import BaseModel

    from upo_sdk.objectives.batch import Completion

__all__ = ["FunctionObjective", "ScoredFunction", "auxiliary_objective", "scored_function"]

_MARK = "__upo_objective__"

_Single = TypeVar("_Single", bound=Callable[Concatenate[str, str, ...], float])
_Batched = TypeVar("_Batched", bound=Callable[Concatenate[Sequence[str], Sequence[str], ...], Sequence[float]])


class FunctionObjective(BaseObjective):
    """An auxiliary objective made from a function.

    Args:
        score: ``score(prompt, response) -> float``; if batched, ``score(prompts, responses)`` with one float for each.
        options: What the function gets as keyword arguments, field by field.
        batched: Whether it scores many completions in one call.
    """

    needs = Needs()

    def __init__(self, score: Callable[..., Any], options: BaseModel | None = None, *, batched: bool = False) -> None:
        self.score = score
        self.keywords = {name: getattr(options, name) for name in type(options).model_fields} if options else {}
        self.batched = batched

    def rewards(self, completions: Sequence[Completion], /) -> Sequence[float]:
        """Score one completion after the other, or all in one call."""
        if self.batched:
            prompts, responses = [item.prompt for item in completions], [item.response for item in completions]
            returned: Sequence[float] = self.score(prompts, responses, **self.keywords)
            return returned
        return [self.score(item.prompt, item.response, **self.keywords) for item in completions]


@dataclass(frozen=True, slots=True)
class ScoredFunction:
    """What :func:`auxiliary_objective` remembers of a function; called with its options, it makes the objective.

    Attributes:
        options: The options model, or None if the function has no keyword-only arguments.
    """

    function: Callable[..., Any]
    options: type[BaseModel] | None
    batched: bool

    def __call__(self, options: BaseModel | None = None) -> FunctionObjective:
        """Return the objective; without options, with the defaults of the function."""
        if options is None and self.options is not None:
            options = self.options()
        return FunctionObjective(self.function, options, batched=self.batched)


@overload
def auxiliary_objective(function: _Single, /) -> _Single: ...
@overload
def auxiliary_objective(*, batched: Literal[False] = False) -> Callable[[_Single], _Single]: ...
@overload
def auxiliary_objective(*, batched: Literal[True]) -> Callable[[_Batched], _Batched]: ...
def auxiliary_objective(function: Callable[..., Any] | None = None, /, *, batched: bool = False) -> Any:
    """Make an auxiliary objective from ``function(prompt, response, *, option=default, ...) -> float``.

    The function itself is returned, so calling and testing it stays what it was. Its keyword-only arguments become
    typed options: ``my_pkg.rewards:polite:0.2,word=please``. Describe and bound them with
    ``Annotated[str, Field(min_length=1, description="...")]``. Use its path in a run, or as the ``target`` (and the
    ``options``) of an :class:`~upo_sdk.plugin.ObjectiveSpec`.

    Args:
        function: What to decorate, when the decorator is written without parentheses.
        batched: The function takes a list of prompts and a list of responses and returns as many floats.

    Raises:
        TypeError: The function does not have this form, or the type of an option is missing or unknown.
    """
    if function is None:
        return partial(_mark, batched=batched)
    return _mark(function, batched=batched)


def scored_function(found: object) -> ScoredFunction | None:
    """Return what the decorator left on a function, or None if it was not decorated."""
    mark = getattr(found, _MARK, None)
    return mark if isinstance(mark, ScoredFunction) else None


def _mark(function: Callable[..., Any], *, batched: bool) -> Callable[..., Any]:
    setattr(function, _MARK, ScoredFunction(function, _options_model(function), batched))
    return function


def _options_model(function: Callable[..., Any]) -> type[BaseModel] | None:
    name = getattr(function, "__name__", "function")
    parameters = list(inspect.signature(function).parameters.values())
    keywords = [item for item in parameters if item.kind is inspect.Parameter.KEYWORD_ONLY]
    texts = [
        item
        for item in parameters
        if item.kind in {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    ]
    if len(texts) != 2 or len(texts) + len(keywords) != len(parameters):  # noqa: PLR2004 - prompt and response
        raise TypeError(
            f"{name} must take a prompt and a response; options stand behind a '*': {name}(p, r, *, word=1)"
        )
    if not keywords:
        return None
    hints = _hints(function, name, [item.name for item in keywords])
    fields: dict[str, Any] = {
        item.name: (hints[item.name], ... if item.default is inspect.Parameter.empty else item.default)
        for item in keywords
    }
    title = "".join(part.capitalize() for part in name.split("_"))
    return create_model(f"{title}Options", __base__=Options, __module__=function.__module__, **fields)


def _hints(function: Callable[..., Any], name: str, options: list[str]) -> dict[str, Any]:
    """Resolve the types of the options alone: those of prompt and response may exist for the type checker only."""
    written = inspect.get_annotations(function)
    untyped = [option for option in options if option not in written]
    if untyped:
        raise TypeError(f"the option '{untyped[0]}' of {name} has no type: write {untyped[0]}: float = ...")
    wanted = SimpleNamespace(__annotations__={option: written[option] for option in options})
    try:
        return get_type_hints(wanted, getattr(function, "__globals__", {}), include_extras=True)
    except NameError as error:
        raise TypeError(f"the type of an option of {name} is unknown at run time: {error}") from error
