"""What TRL passes to a reward function, and which part of it exists without its trainer.

Source: ``GRPOTrainer._calculate_rewards`` of TRL 1.16. A function is called with the keywords ``prompts``,
``completions``, ``completion_ids``, ``trainer_state``, ``log_extra``, ``log_metric``, ``environments`` and one list per
column of the dataset; it returns a list of floats or None, or is asynchronous and does so.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.objectives import Completion

__all__ = ["Parameters", "is_asynchronous", "parameters_of", "prompts_and_completions"]

_TEXTS = frozenset({"prompts", "completions"})
_LOGGERS = frozenset({"log_extra", "log_metric"})
_ONLINE = frozenset({"completion_ids", "trainer_state", "environments"})
_RESERVED = _TEXTS | _LOGGERS | _ONLINE


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a reward function takes.

    Attributes:
        names: Parameters that can be passed by keyword.
        columns: Those that must be columns of the data: they have no default, and TRL passes nothing else so named.
        online: Those without a default that exist only while TRL trains.
        any_keyword: Whether it takes any further keyword.
    """

    names: frozenset[str]
    columns: frozenset[str]
    online: frozenset[str]
    any_keyword: bool

    def select(self, available: dict[str, Any]) -> dict[str, Any]:
        """Return what of the available keywords the function takes; its loggers get functions that do nothing."""
        everything = {**dict.fromkeys(_LOGGERS & self.names, _ignore), **available}
        return everything if self.any_keyword else {key: everything[key] for key in everything.keys() & self.names}


def parameters_of(function: Callable[..., Any]) -> Parameters:
    """Read a signature."""
    found = inspect.signature(function).parameters.values()
    named = [item for item in found if item.kind in {item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY}]
    required = frozenset(item.name for item in named if item.default is item.empty)
    return Parameters(
        names=frozenset(item.name for item in named),
        columns=required - _RESERVED,
        online=required & _ONLINE,
        any_keyword=any(item.kind is item.VAR_KEYWORD for item in found),
    )


def is_asynchronous(function: Callable[..., Any]) -> bool:
    """Return whether a function, or the call of an object, is asynchronous."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - not a test for being callable


def prompts_and_completions(completions: Sequence[Completion], form: str) -> dict[str, list[Any]]:
    """Return both lists as TRL passes them: text, or messages where the data is conversational or ``form`` says so."""
    found: list[tuple[Any, Any]] = [_texts(item, form) for item in completions]
    return {"prompts": [prompt for prompt, _ in found], "completions": [response for _, response in found]}


def _texts(item: Completion, form: str) -> tuple[Any, Any]:
    if form == "standard" or (form == "data" and item.response_messages is None):
        return item.prompt, item.response
    if item.prompt_messages is not None and item.response_messages is not None:
        return list(item.prompt_messages), list(item.response_messages)
    return [{"role": "user", "content": item.prompt}], [{"role": "assistant", "content": item.response}]


def _ignore(*_values: object, **_named: object) -> None:
    """Stand in for TRL's loggers of completions and metrics."""
