"""The key of a service: read from the environment, sent in one header, shown nowhere."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from upo_sdk.errors import ConfigError
from upo_sdk.redaction import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Key"]

_LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "httpcore2.socks")

_TELLING = 6
"""So many characters of a key in a row are too many to show."""


class Key:
    """A key, or none.

    Args:
        value: The key; empty for none.
        header: Where it is sent: ``Authorization`` gets ``Bearer KEY``, any other header the bare key.
    """

    __slots__ = ("_value", "header")

    def __init__(self, value: str, header: str = "Authorization") -> None:
        self._value = value
        self.header = header

    def __repr__(self) -> str:
        return f"Key({HIDDEN})" if self._value else "Key()"

    def __bool__(self) -> bool:
        return bool(self._value)

    @classmethod
    def from_environment(
        cls,
        variable: str | None,
        *,
        where: str,
        header: str = "Authorization",
        error: type[ConfigError] = ConfigError,
    ) -> Key:
        """Read the key from an environment variable; without a variable there is none.

        Raises:
            ConfigError: The variable is not set, or holds what no header may hold; of the class ``error``.
        """
        if variable is None:
            return cls("", header)
        value = os.environ.get(variable, "").strip()
        if not value:
            raise error(
                f"the environment variable '{variable}' is not set",
                where=where,
                fix=f"export {variable}=... with the key of the service, or leave the option out",
            )
        if not (value.isascii() and value.isprintable() and " " not in value):
            raise error(
                f"the key in the environment variable '{variable}' has a character that is not allowed in a header",
                where=where,
                fix=f"export {variable}=... again, with only the key",
            )
        return cls(value, header)

    def headers(self) -> dict[str, str]:
        """Return the header to send; empty without a key."""
        if not self._value:
            return {}
        return {self.header: f"Bearer {self._value}" if self.header.lower() == "authorization" else self._value}

    def hide(self, text: str) -> str:
        """Return a text without the key; one that still has a part of it is not shown at all."""
        if not self._value:
            return text
        hidden = text.replace(self._value, HIDDEN)
        parts = (self._value[start : start + _TELLING] for start in range(len(self._value) - _TELLING + 1))
        return f"{HIDDEN} (a part of the key was in it)" if any(part in hidden for part in parts) else hidden

    @contextmanager
    def hidden_in_logs(self) -> Generator[None]:
        """Hide the key in what the HTTP library logs meanwhile: a server may have sent it back in a header."""

        def hide(record: logging.LogRecord) -> bool:
            record.msg, record.args = self.hide(record.getMessage()), ()
            return True

        loggers = [logging.getLogger(name) for name in _LOGGERS] if self._value else []
        for logger in loggers:
            logger.addFilter(hide)
        try:
            yield
        finally:
            for logger in loggers:
                logger.removeFilter(hide)
