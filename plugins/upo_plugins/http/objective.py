"""The ``http`` objective: a scoring service, asked in batches, several at a time, and for nothing twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from upo_sdk.errors import PartlyScoredError
from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_plugins.http.client import ServiceClient
    from upo_plugins.http.options import ServiceOptions
    from upo_sdk.objectives import Completion

__all__ = ["Service"]


class Service:
    """The ``http`` objective."""

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.needs = Needs(columns=frozenset(options.columns))
        self._client: ServiceClient | None = None

    def setup(self, _device: str, /) -> None:
        """Read the key and open the client; nothing is sent.

        Raises:
            ObjectiveRefError: The environment variable with the key is not set.
        """
        from upo_plugins.http.client import ServiceClient

        self._client = ServiceClient(self.options)

    def check(self) -> str:
        """Return what is asked; nothing is sent.

        Raises:
            ObjectiveRefError: The environment variable with the key is not set.
        """
        self.setup("cpu")
        self.close()
        return "asks a service"

    def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return the scores of the service, in order.

        Raises:
            PartlyScoredError: A request failed for good. No further one is begun, those under way are awaited, and
                every score that came is in the error.
        """
        from upo_plugins.http.client import RequestError

        client, size = self._opened(), self.options.batch_size
        stop, failures, known = Event(), list[RequestError](), dict[int, float]()

        def ask(start: int) -> None:
            if stop.is_set():
                return
            try:
                scores = client.scores(completions[start : start + size], stop)
            except RequestError as error:
                failures.append(error)
                stop.set()
            else:
                known.update(enumerate(scores, start=start))

        with ThreadPoolExecutor(self.options.concurrency, thread_name_prefix="upo-http") as pool:
            try:
                list(pool.map(ask, range(0, len(completions), size)))
            finally:
                stop.set()  # an interrupt does not wait for further attempts
        if failures:
            raise PartlyScoredError(str(failures[0]), rewards=known, where=self.options.url, fix=failures[0].fix)
        return [known[index] for index in range(len(completions))]

    def _opened(self) -> ServiceClient:
        if self._client is None:
            msg = "call setup() first"
            raise RuntimeError(msg)
        return self._client
