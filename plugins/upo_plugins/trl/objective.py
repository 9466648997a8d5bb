"""The ``trl`` objective: a reward function with TRL's signature, called once per completion of the data."""

from __future__ import annotations

import asyncio
import inspect
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import PluginError
from upo_sdk.objectives import BaseObjective, Needs
from upo_sdk.plugin import load_target, source_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from upo_plugins.trl.options import RewardFunctionOptions
    from upo_sdk.objectives import Completion

__all__ = ["RewardFunction", "parameters_of"]


class RewardFunction(BaseObjective):
    """The ``trl`` objective.

    An asynchronous function runs in one event loop in a separate thread, from the first call until ``close``, so
    that what it keeps open, such as a client, stays usable and the caller may have a loop too.

    Raises:
        PluginError: The function cannot be imported, or needs what exists only while TRL trains.
    """

    def __init__(self, options: RewardFunctionOptions) -> None:
        self.options = options
        self._module, _, name = options.function.replace(":", ".").rpartition(".")
        self._function = _import(f"{self._module}:{name}")
        self._parameters = parameters_of(self._function)
        if self._parameters.online:
            raise PluginError(
                f"the reward function needs {', '.join(sorted(self._parameters.online))}, which exist only while TRL "
                "trains",
                where=f"trl:{options.function}",
                fix="give these parameters a default, or score what you can from prompts, completions and columns",
            )
        columns = self._parameters.columns | set(options.columns)
        self.needs = Needs(columns=columns, messages=options.form != "standard")
        self._thread: ThreadPoolExecutor | None = None
        self._runner = asyncio.Runner()
        self._scored, self._without = 0, 0
        self._compared = False
        self._differing: tuple[float | None, float | None] | None = None

    def close(self) -> None:
        """End the event loop of an asynchronous function."""
        if self._thread is not None:
            self._thread.submit(self._runner.close).result()
            self._thread.shutdown()
            self._thread = None

    def fingerprint(self) -> Mapping[str, str]:
        """Return the hash of the function's code."""
        return {"function_sha256": source_sha256(self._module)}

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return what the function returns, with the option ``none`` in place of None."""
        columns = {name: [item.columns[name] for item in completions] for name in self.needs.columns}
        available = {**columns, **_prompts_and_completions(completions, self.options.form)}
        returned = list(self._call(self._parameters.select(available)))
        self._compare_with_alone(available, returned)
        self._scored += len(returned)
        self._without += returned.count(None)
        return [self.options.none if reward is None else reward for reward in returned]

    def remarks(self) -> list[str]:
        """Report how many completions the function does not apply to, and whether it compares those of a call."""
        scored, without, differing = self._scored, self._without, self._differing
        self._scored, self._without, self._differing = 0, 0, None
        found = list[str]()
        if without:
            found.append(
                f"the function returned None for {without:,} of {scored:,}, which have reward {self.options.none:g}"
            )
        if differing:
            among, alone = differing
            found.append(
                f"the function gave one completion {among} among others and {alone} alone: it compares the completions "
                "of a call, or it is random; a reward may depend only on its own completion"
            )
        return found

    def _compare_with_alone(self, available: dict[str, list[Any]], returned: list[float | None]) -> None:
        """Score one completion of the first batch again, without the others."""
        if self._compared or len(returned) < 2:  # noqa: PLR2004 - a batch
            return
        self._compared = True
        alone = {name: values[-1:] for name, values in available.items()}
        reward = next(iter(self._call(self._parameters.select(alone))), None)
        if reward != returned[-1] and not (
            reward and returned[-1] and math.isclose(reward, returned[-1], rel_tol=1e-4)
        ):
            self._differing = returned[-1], reward

    def _call(self, keywords: dict[str, Any]) -> Any:
        if not _is_asynchronous(self._function):
            return self._function(**keywords)
        self._thread = self._thread or ThreadPoolExecutor(max_workers=1, thread_name_prefix="upo-trl")
        return self._thread.submit(lambda: self._runner.run(self._function(**keywords))).result()


def _import(target: str) -> Callable[..., Any]:
    try:
        found = load_target(target)
    except Exception as error:
        raise PluginError(
            f"'{target}' cannot be imported: {type(error).__name__}: {error}",
            where=f"objective 'trl:{target}'",
            fix="install the package it is in (the current folder is not searched by itself) or correct the path",
        ) from error
    if not callable(found):
        raise PluginError(f"'{target}' is not a function", where=f"objective 'trl:{target}'", fix="name a function")
    return found  # type: ignore[no-any-return]


_TEXTS = frozenset({"prompts", "completions"})
_LOGGERS = frozenset({"log_extra", "log_metric"})
_ONLINE = frozenset({"completion_ids", "trainer_state", "environments"})
_RESERVED = _TEXTS | _LOGGERS | _ONLINE


@dataclass(frozen=True, slots=True)
class _Parameters:
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


def parameters_of(function: Callable[..., Any]) -> _Parameters:
    """Read a signature."""
    found = inspect.signature(function).parameters.values()
    named = [item for item in found if item.kind in {item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY}]
    required = frozenset(item.name for item in named if item.default is item.empty)
    return _Parameters(
        names=frozenset(item.name for item in named),
        columns=required - _RESERVED,
        online=required & _ONLINE,
        any_keyword=any(item.kind is item.VAR_KEYWORD for item in found),
    )


def _is_asynchronous(function: Callable[..., Any]) -> bool:
    """Return whether a function, or the call of an object, is asynchronous."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - not a test for being callable


def _prompts_and_completions(completions: Sequence[Completion], form: str) -> dict[str, list[Any]]:
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
