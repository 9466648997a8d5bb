"""Whether the hub can be had is known within seconds."""

from __future__ import annotations

import socket
import time

import pytest

from upo_sdk.errors import OfflineError
from upo_sdk.network import is_reachable, require_cached_or_online


@pytest.mark.enable_socket
def test_a_listening_server_is_reachable_and_a_closed_port_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_reachable(f"http://127.0.0.1:{port}/x")
    started = time.monotonic()
    assert not is_reachable(f"https://127.0.0.1:{port}/x")
    assert time.monotonic() - started < 5


def test_a_choice_to_be_offline_is_respected_without_touching_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE is set") as caught:
        require_cached_or_online("some/model", "config.json", option="--model FOLDER")
    assert "--model FOLDER" in (caught.value.fix or "")
