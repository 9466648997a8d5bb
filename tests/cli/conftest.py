from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from typer.testing import CliRunner

from upo_cli.main import build_app

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from typer.testing import Result


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Upo(Protocol):
    def __call__(self, *arguments: str) -> Ended: ...


class UpoProcess(Protocol):
    def __call__(self, *arguments: str, **environment: str) -> Ended: ...


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("UPO_PLUGINS", "UPO_DEBUG", "NO_COLOR", "FORCE_COLOR", "RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def upo() -> Upo:
    """Run a command in this process."""

    def run(*arguments: str) -> Ended:
        named = [word for word in arguments if not word.startswith("-")]
        result: Result = CliRunner().invoke(build_app(load=named[:1]), list(arguments), prog_name="upo")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def upo_process(tmp_path: Path) -> UpoProcess:
    """Run a command in a process of its own, whose path begins with ``site`` in the test's folder."""

    def run(*arguments: str, **environment: str) -> Ended:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {"GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "TERMINAL_WIDTH"}
        }
        done = subprocess.run(
            [sys.executable, "-m", "upo_cli", *arguments],
            capture_output=True,
            text=True,
            timeout=300,  # for a hang
            check=False,
            env={**kept, "PYTHONPATH": str(tmp_path / "site"), **environment},
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def upo_with_site(upo: Upo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[UpoProcess]:
    """Run a command in this process, which finds what lies in the test's ``site``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def run(*arguments: str, **environment: str) -> Ended:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            forget(site, before)
            return upo(*arguments)

    yield run
    forget(site, before)


def forget(site: Path, before: set[str]) -> None:
    """Take out the modules of a folder, so that the next command imports them again."""
    importlib.invalidate_caches()
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(site)):
            del sys.modules[name]


@dataclass(frozen=True)
class Installer:
    """Plants a distribution with one plugin: metadata and a module, as pip would."""

    site: Path

    def __call__(self, distribution: str, source: str, *, name: str | None = None) -> None:
        module = distribution.replace("-", "_")
        info = self.site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[upo]\n{name or module} = {module}\n")
        (self.site / f"{module}.py").write_text(source)


@pytest.fixture
def install(tmp_path: Path) -> Installer:
    return Installer(tmp_path / "site")
