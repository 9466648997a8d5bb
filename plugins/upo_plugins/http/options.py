"""Options of the ``http`` objective."""

from __future__ import annotations

from pydantic import Field

from upo_sdk.http.address import Url
from upo_sdk.objectives import NameList, Options

__all__ = ["ServiceOptions"]


class ServiceOptions(Options):
    """Options of the ``http`` objective."""

    operational = frozenset(
        {
            "token_env",
            "token_header",
            "batch_size",
            "concurrency",
            "retries",
            "backoff",
            "max_wait",
            "connect_timeout",
            "read_timeout",
        }
    )

    url: Url = Field(description="Address of the service; batches are sent there by POST.")
    version: str | None = Field(
        default=None,
        description="Version of the scorer behind the address; after a change, everything is scored again.",
    )
    columns: NameList = Field(default=(), description="Columns of the data to send as well.")
    token_env: str | None = Field(
        default=None, description="Environment variable with the key; sent as 'Authorization: Bearer KEY'."
    )
    token_header: str = Field(
        default="Authorization",
        pattern=r"^[A-Za-z0-9-]+$",
        description="Header for the key; any other than Authorization gets only the key.",
    )
    batch_size: int = Field(default=16, ge=1, le=128, description="Completions per request.")
    concurrency: int = Field(
        default=8, ge=1, le=128, description="Requests at a time; 128 completions are in flight at most."
    )
    retries: int = Field(
        default=5, ge=0, description="Further attempts after a time-out, a broken connection, status 429 or 5xx."
    )
    backoff: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=False,
        description="Seconds before the first further attempt; they double, with jitter.",
    )
    max_wait: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="Most seconds between two attempts, even if the service asks for more.",
    )
    connect_timeout: float = Field(default=5.0, gt=0, allow_inf_nan=False, description="Seconds to connect.")
    read_timeout: float = Field(
        default=60.0, gt=0, allow_inf_nan=False, description="Seconds to wait for the next byte of the answer."
    )
