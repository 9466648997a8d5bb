"""Texts of a company do not leave the machine unless somebody asked for it."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import evaluate
from upo_sdk.testing.failure import CheckFailedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from upo_sdk.testing.subject import Subject

__all__ = ["opens_no_connection"]


@check()
def opens_no_connection(subject: Subject) -> None:
    """Making and using it opens no network connection; setup() may, to load a model."""
    attempts: list[str] = []
    with _watched(attempts):
        objective = subject.build()
    objective.setup("cpu")
    try:
        with _watched(attempts):
            subject.fit(objective)
            evaluate(objective, subject)
    finally:
        objective.close()
        if attempts:
            raise CheckFailedError(
                expected="no network connection while it is made or used",
                got=f"a connection to {attempts[0]}",
                fix="load what is needed in setup(); if calling a service is the point, expect this failure by name",
            )


@contextmanager
def _watched(attempts: list[str]) -> Generator[None]:
    """Refuse names and connections of the internet, and note them; sockets of this machine's kernel stay."""

    def refuse(address: object) -> None:
        attempts.append(str(address))
        raise OSError("the check opens_no_connection refuses connections")

    def connect(own: socket.socket, address: Any) -> None:
        if own.family == getattr(socket, "AF_UNIX", None):
            return original(own, address)
        return refuse(address)

    def getaddrinfo(host: object, port: object, *_: object, **__: object) -> None:
        refuse(f"{host}:{port}")

    original = socket.socket.connect
    with (
        patch.object(socket.socket, "connect", connect),
        patch.object(socket.socket, "connect_ex", connect),
        patch.object(socket, "getaddrinfo", getaddrinfo),
    ):
        yield
