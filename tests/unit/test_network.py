"""Whether the hub can be had is known within seconds."""

from __future__ import annotations

import threading
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
from silent_names import silent_name_server

from upo_sdk.errors import OfflineError
from upo_sdk.network import is_hub_name, is_reachable, require_cached_or_online


@pytest.mark.enable_socket
def test_a_listening_server_is_reachable_and_a_closed_port_is_not() -> None:
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        port = server.server_port
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert is_reachable(f"http://127.0.0.1:{port}/nothing-here")
    started = time.monotonic()
    assert not is_reachable(f"https://127.0.0.1:{port}/x")
    assert time.monotonic() - started < 5


def test_a_network_that_never_answers_is_given_up() -> None:
    started = time.monotonic()
    with silent_name_server():
        assert not is_reachable("https://example.org/file", seconds=0.1)
    assert time.monotonic() - started < 60


def test_a_choice_to_be_offline_is_respected_without_touching_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE is set") as caught:
        require_cached_or_online("some/model", instead="`model.path=FOLDER`")
    assert "`model.path=FOLDER`" in (caught.value.fix or "")


@pytest.mark.parametrize("name", ["gpt2", "owner/name", "owner/na-me.v2_x"])
def test_a_name_of_the_hub_is_told_without_asking_it(name: str) -> None:
    assert is_hub_name(name)


@pytest.mark.parametrize("name", ["a/b/c", "owner/", "has space", "owner/x..y", "/absolute", "pairs.jsonl.git"])
def test_what_cannot_be_a_name_of_the_hub_is_none(name: str) -> None:
    assert not is_hub_name(name)
