from __future__ import annotations

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.ranks import Ranks, check_launch, is_first_to_fail, is_first_to_say


def test_every_part_is_dealt_to_one_process() -> None:
    dealt = [list(Ranks(index, 3).share(range(7))) for index in range(3)]
    assert dealt == [[0, 3, 6], [1, 4], [2, 5]]


def test_one_process_counts_gathers_and_fails_by_itself() -> None:
    ranks = Ranks()
    with ranks.together() as count:
        assert [count(2), count(3), count(0)] == [2, 5, 5]
    assert ranks.gather("value") == ["value"]
    with pytest.raises(ZeroDivisionError), ranks.together():
        raise ZeroDivisionError
    assert is_first_to_fail("a reason")
    assert is_first_to_say("a text")
    assert is_first_to_say("a text")


def test_a_number_in_the_environment_is_one_process_where_nobody_launched_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert Ranks.of_launch() == Ranks(0, 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert Ranks.of_launch() == Ranks(1, 2)


def test_ports_of_a_cluster_do_not_look_like_a_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "node-1")
    monkeypatch.setenv("MASTER_PORT", "29500")
    check_launch()
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "NO")
    with pytest.raises(ConfigError, match="several processes were asked for, and the launcher started 1"):
        check_launch()
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    check_launch()


def test_another_number_of_processes_than_was_asked_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_launch(2)
    with pytest.raises(ConfigError, match="4 processes were asked for, and the launcher started 2"):
        check_launch(4)
