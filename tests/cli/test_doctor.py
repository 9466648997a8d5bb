from __future__ import annotations

import platform
from functools import partial
from typing import TYPE_CHECKING

from silent_names import silent_name_server

import upo_cli.commands.doctor
import upo_sdk.network
from upo_cli.commands.doctor import Check, run_checks

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from conftest import Installer, Upo


def _by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_the_doctor_names_versions_device_and_plugins(upo: Upo) -> None:
    found = {item["name"]: item for item in upo("doctor", "--json").data["checks"]}
    assert found["python"]["detail"].startswith(platform.python_version())
    assert found["torch"]["status"] == "ok"
    assert "toxicity" in found["plugins"]["detail"]
    assert "HF_HUB_OFFLINE is set" in found["hub"]["detail"]
    assert found["device"]["status"] == "ok"


def test_the_doctor_names_the_packages_that_options_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upo_cli.commands.doctor, "_OPTIONAL", {"json": "--this", "no_such_package": "--that"})
    (found,) = upo_cli.commands.doctor._optional()
    assert (found.status, found.detail) == ("ok", "installed: json; not installed: no_such_package (--that)")


def test_a_hub_out_of_reach_is_a_warning_not_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(upo_sdk.network, "is_reachable", lambda _url: False)
    hub = _by_name(run_checks())["hub"]
    assert hub.status == "warning"
    assert "cannot be reached" in hub.detail


def test_the_doctor_does_not_wait_for_a_name_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(upo_sdk.network, "is_reachable", partial(upo_sdk.network.is_reachable, seconds=0.05))
    with silent_name_server():
        hub = _by_name(run_checks())["hub"]
    assert hub.status == "warning"


def test_a_missing_library_is_broken_and_ends_with_1(upo: Upo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upo_cli.commands.doctor, "_LIBRARIES", ("no-such-library",))
    ended = upo("doctor")
    assert ended.code == 1
    assert "broken   no-such-library" in ended.out
    assert "fix: pip install no-such-library" in ended.out


def test_a_cache_that_cannot_be_written_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "file" / "below"))
    check = _by_name(run_checks())["cache"]
    assert (check.status, check.fix) == ("broken", "set UPO_CACHE_DIR")


def test_a_check_that_raises_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("metadata unreadable")

    monkeypatch.setattr(upo_cli.commands.doctor, "load_plugins", fail)
    found = run_checks()
    assert any(check.status == "broken" and "metadata unreadable" in check.detail for check in found)
    assert _by_name(found)["python"].status == "ok"


def test_the_doctor_names_a_broken_plugin_and_the_fix(
    upo: Upo, install: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-broken", "raise RuntimeError('half installed')")
    monkeypatch.syspath_prepend(str(install.site))
    ended = upo("doctor", "--json")
    assert ended.code == 1
    assert ended.data["healthy"] is False
    broken = [item for item in ended.data["checks"] if item["name"] == "plugins" and item["status"] == "broken"]
    assert "half installed" in broken[0]["detail"]
    assert "`plugins.block=acme-broken`" in broken[0]["fix"]


def test_the_version_is_that_of_the_distribution(upo: Upo) -> None:
    from importlib.metadata import version

    assert upo("version", "--json").data["upo-sdk"] == version("upo-sdk")
    assert upo("version").out == upo("--version").out
    assert version("upo-sdk") in upo("version").out
