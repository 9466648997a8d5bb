"""The judge that compares answers: a local reward model, a local instruction model, or an endpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from upo_sdk.config.base import Section
from upo_sdk.errors import ConfigError
from upo_sdk.http.address import Url

if TYPE_CHECKING:
    from upo_sdk.records import JudgeKind

__all__ = ["JudgeConfig"]

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_SECRET = re.compile(r"key|token|secret|password", re.IGNORECASE)
_NAME_IT = "export JUDGE_KEY=... and set `judge.key_env=JUDGE_KEY`"
_FORMS = "write hf:MODEL (reward model), lm:MODEL (instruction model), or http://HOST/v1, https://HOST/v1"


class JudgeConfig(Section):
    """Who compares the answers, and how; a bare string is its target."""

    target: str = Field(
        min_length=1,
        description="hf:MODEL is a local reward model, lm:MODEL a local instruction model, http://HOST/v1 or "
        "https://HOST/v1 any OpenAI-compatible endpoint.",
    )
    model: str | None = Field(default=None, min_length=1, description="Name of the model at the endpoint.")
    key_env: str | None = Field(
        default=None, description="Name of the environment variable with the endpoint's key; never the key itself."
    )
    template: Path | None = Field(
        default=None, description="File with your own question; it must contain {prompt}, {first} and {second}."
    )
    against: Literal["baseline", "chosen"] = Field(
        default="baseline", description="What to compare with: the baseline's answers, or the data's chosen responses."
    )
    threshold: float = Field(
        default=0.0,
        ge=0,
        description="A difference of rewards (hf:) or log-probs (lm:) up to this is a tie.",
    )
    max_tokens: int = Field(default=16, ge=1, description="Most tokens of the endpoint's answer.")
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fields of a request, for example max_completion_tokens; null removes a default field.",
    )
    timeout: float = Field(default=60.0, gt=0, description="Seconds to wait for one answer of the endpoint.")
    retries: int = Field(
        default=5, ge=0, description="Further attempts after a time-out, a broken connection, status 429 or 5xx."
    )
    max_wait: float = Field(
        default=60.0, gt=0, description="Most seconds between two attempts, even if the endpoint asks for more."
    )
    concurrency: int = Field(default=8, ge=1, le=128, description="Requests at a time.")
    max_requests: int | None = Field(
        default=None, ge=1, description="Most requests in one evaluation, repeated attempts included; null: no limit."
    )
    prompt_price: float | None = Field(default=None, ge=0, description="Price of a million prompt tokens.")
    completion_price: float | None = Field(default=None, ge=0, description="Price of a million tokens of answers.")
    batch_size: int = Field(default=8, ge=1, description="Questions per forward pass of a local instruction model.")
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field(
        default="auto", description="Data type of a local instruction model."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_target_and_no_key(cls, value: Any) -> Any:
        """Raise errors of our own where a key may have been written, because pydantic's show the input."""
        if not isinstance(value, dict):
            return {"target": value} if isinstance(value, str) else value
        unknown = [str(name) for name in value if name not in cls.model_fields]
        if any(_SECRET.search(name) for name in unknown):
            raise ConfigError("a key is never part of a configuration", where="`judge.key_env`", fix=_NAME_IT)
        _check_key_env(value.get("key_env"))
        return value

    @model_validator(mode="after")
    def _target_is_known(self) -> JudgeConfig:
        if self.kind == "endpoint":
            _check_url(self.target)
            if self.model is None:
                msg = "an endpoint serves several models: name one with `judge.model=NAME`"
                raise ValueError(msg)
        elif self.model is not None or self.key_env is not None:
            msg = f"only an endpoint has a model name and a key, and '{self.target}' is a local model"
            raise ValueError(msg)
        return self

    @property
    def kind(self) -> JudgeKind:
        """Which kind of judge the target is."""
        if self.target.startswith(("http://", "https://")):
            return "endpoint"
        scheme, _, name = self.target.partition(":")
        if scheme not in {"hf", "lm"} or not name:
            raise ConfigError(f"'{self.target}' names no judge", where="`judge.target`", fix=_FORMS)
        return "reward-model" if scheme == "hf" else "language-model"

    @property
    def url(self) -> str:
        """The address of the endpoint's chat completions."""
        base = self.target.rstrip("/")
        return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


def _check_url(url: str) -> None:
    try:
        TypeAdapter[str](Url).validate_python(url)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(message, where="`judge.target`", fix=_NAME_IT if "password" in message else _FORMS) from None
    if "?" in url or "#" in url:
        raise ConfigError("the address of a judge has no query", where="`judge.target`", fix="write https://HOST/v1")


def _check_key_env(name: Any) -> None:
    if name is not None and not (isinstance(name, str) and _VARIABLE.fullmatch(name)):
        raise ConfigError(
            "key_env is the name of an environment variable, in capitals; the key itself is never written down",
            where="`judge.key_env`",
            fix=_NAME_IT,
        )
