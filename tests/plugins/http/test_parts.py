"""The rules for addresses, without a network."""

from __future__ import annotations

import pytest

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.build import check_options
from upo_sdk.plugin.registry import load_registry


@pytest.mark.parametrize(
    "url", ["https://me:hunter2@a.example/s", "https://a.example/s?api_key=hunter2", "https://a.example/?code=hunter2"]
)
def test_a_password_in_the_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ObjectiveRefError, match="no password or key") as caught:
        check_options(ObjectiveRef.model_validate(f"{url}:0.3"), load_registry())
    assert "hunter2" not in str(caught.value)


def test_an_address_without_a_host_is_refused() -> None:
    with pytest.raises(ObjectiveRefError, match="write http://HOST/PATH"):
        check_options(ObjectiveRef(name="http", target="ftp://a.example/"), load_registry())
