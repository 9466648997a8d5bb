"""The ``trl`` objective: a reward function with TRL's signature, called once per completion of the data."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from upo_plugins.trl.contract import is_asynchronous, parameters_of, prompts_and_completions
from upo_sdk.errors import PluginError
from upo_sdk.objectives import Needs
from upo_sdk.plugin import load_target, source_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from upo_plugins.trl.options import RewardFunctionOptions
    from upo_sdk.objectives import Completion

__all__ = ["RewardFunction"]


class RewardFunction:
    """The ``trl`` objective.

    An asynchronous function runs in one event loop in a thread of its own, from the first call until ``close``, so
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

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

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
        available = {**columns, **prompts_and_completions(completions, self.options.form)}
        returned = list(self._call(self._parameters.select(available)))
        self._scored += len(returned)
        self._without += returned.count(None)
        return [self.options.none if reward is None else reward for reward in returned]

    def remarks(self) -> list[str]:
        """Tell how many completions the function does not apply to."""
        scored, without = self._scored, self._without
        self._scored, self._without = 0, 0
        if not without:
            return []
        return [f"the function returned None for {without:,} of {scored:,}, which have reward {self.options.none:g}"]

    def _call(self, keywords: dict[str, Any]) -> Any:
        if not is_asynchronous(self._function):
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
