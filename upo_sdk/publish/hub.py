"""The account and the repository on the Hugging Face hub, checked before any work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.errors import ConfigError, HubError, OfflineError
from upo_sdk.network import is_hub_name, why_unreachable
from upo_sdk.ranks import is_main_process

if TYPE_CHECKING:
    from collections.abc import Generator

    from upo_sdk.config import RunConfig

__all__ = [
    "check_hub",
    "create_repository",
    "hub_errors",
    "repository_name",
    "reserve_repository",
]


def check_hub(config: RunConfig) -> RunConfig:
    """Return the configuration with the full name of the repository, if the model is to be pushed.

    Raises:
        ConfigError: A repository is named and nothing is to be pushed.
        OfflineError: The hub is out of reach, or downloads are forbidden.
        HubError: There is no token, or it is refused or may not write.
    """
    if not config.push_to_hub:
        if config.hub_model_id or config.hub_private_repo:
            raise ConfigError(
                "a hub repository is set, but `push_to_hub` is not",
                where="`hub_model_id`" if config.hub_model_id else "`hub_private_repo`",
                fix="add `push_to_hub=true`, or leave it out",
            )
        return config
    if not is_main_process():
        return config
    return config.model_copy(
        update={"hub_model_id": repository_name(config.hub_model_id or config.output_dir.resolve().name)}
    )


def repository_name(name: str) -> str:
    """Return ``owner/name``; without an owner, that of the account the token belongs to.

    Raises:
        OfflineError: The hub is out of reach, or downloads are forbidden.
        HubError: The name is not possible, there is no token, or it is refused or may not write.
    """
    _require_possible(name)
    account = _account()
    return name if "/" in name else f"{account['name']}/{name}"


def reserve_repository(config: RunConfig) -> None:
    """Create the repository of a run that will be pushed, before it starts; see :func:`create_repository`."""
    if config.push_to_hub and config.hub_model_id and is_main_process():
        create_repository(config.hub_model_id, private=config.hub_private_repo)


def create_repository(name: str, *, private: bool) -> None:
    """Create the repository unless it is there, and make sure that it may be written.

    Args:
        name: ``owner/name``.
        private: Of a repository that is created; otherwise the default of its owner.

    Raises:
        HubError: The hub refuses.
    """
    from huggingface_hub import HfApi

    with hub_errors(name, "the repository cannot be written"):
        HfApi().create_repo(name, private=private or None, exist_ok=True)
        HfApi().auth_check(name, write=True)


@contextmanager
def hub_errors(name: str, what: str) -> Generator[None]:
    """Turn what the hub's client raises into a :class:`HubError` with the status and a fix."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise HubError(f"{what}: the hub answers {status}", where=name, fix=_fix(status)) from error
    except (OSError, HTTPError, ValueError) as error:  # a broken connection, an unreadable file, a refused card
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise HubError(f"{what}: {reason}", where=name, fix="check the connection, then try again") from error


def _account() -> dict[str, Any]:
    from huggingface_hub import HfApi, constants, get_token

    if reason := why_unreachable(constants.ENDPOINT):
        raise OfflineError(
            f"the model cannot be pushed: {reason}",
            where="`push_to_hub`",
            fix="go online, or train without `push_to_hub` and use `upo push` later",
        )
    if get_token() is None:
        raise HubError(
            "there is no access token for the hub", where="`push_to_hub`", fix="hf auth login, or set HF_TOKEN"
        )
    with hub_errors("push_to_hub", "the token cannot be used"):
        account = cast("dict[str, Any]", HfApi().whoami())
    if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise HubError(
            "the access token can only read", where="`push_to_hub`", fix="create one that can write, then hf auth login"
        )
    return account


def _require_possible(name: str) -> None:
    if not is_hub_name(name):
        raise HubError(
            f"'{name}' cannot be the name of a repository: use letters, digits and -_.",
            where="`hub_model_id`",
            fix="set `hub_model_id=OWNER/NAME`",
        )


def _fix(status: int) -> str:
    fixes = {
        401: "the token is not valid: hf auth login, or correct HF_TOKEN",
        403: "the token may not write there: name a repository of yours with `hub_model_id`, or use another token",
        404: "the token may not see it: name a repository of yours with `hub_model_id`, or use another token",
    }
    return fixes.get(status, "try again later")
