"""``upo plugins new``: what it writes, and what it refuses with nothing left behind."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import upo_cli.scaffold
from upo_cli.scaffold import PluginNames, render
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from conftest import Installer, Upo, UpoProcess

KINDS = ["auxiliary", "preference"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path) -> set[str]:
    return {item.relative_to(folder).as_posix() for item in folder.rglob("*") if item.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_distribution_is_written_whole(upo: Upo, folder: Path, kind: str) -> None:
    ended = upo("plugins", "new", "upo-polite", "--kind", kind)
    assert ended.code == 0, ended.err
    assert written(folder / "upo-polite") == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "tests/test_objective.py",
        "upo_polite/__init__.py",
        "upo_polite/objective.py",
        "upo_polite/options.py",
        "upo_polite/py.typed",
    }
    project = tomllib.loads((folder / "upo-polite" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "upo-polite"
    assert project["entry-points"] == {"upo": {"polite": "upo_polite"}}


def test_it_ends_with_the_next_three_commands(upo: Upo) -> None:
    said = upo("plugins", "new", "upo-polite", "--kind", "auxiliary").out.splitlines()
    assert [line.strip() for line in said[-3:]] == [
        'pip install -e "upo-polite[dev]"',
        "pytest upo-polite",
        "upo train --objective polite:0.3",
    ]


def test_json_says_where_and_what(upo: Upo, folder: Path) -> None:
    said = upo("plugins", "new", "Acme_Rude", "--kind", "preference", "--dir", "made here", "--json").data
    assert said["objective"] == "acme-rude"
    assert said["next"][1:] == ['pytest "made here/acme-rude"', "upo train --objective acme-rude"]
    assert set(said["files"]) == written(folder / "made here" / "acme-rude")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["upo-polite", "completion", "upo-none", "a-1-b"])
def test_every_file_is_complete_and_python_reads_it(kind: str, name: str) -> None:
    texts = render(PluginNames.choose(name, load_registry()), "auxiliary" if kind == "auxiliary" else "preference")
    for path, text in texts.items():
        assert "$" not in text.replace("${{ matrix.python }}", ""), path
        if path.endswith(".py"):
            ast.parse(text, path)


@pytest.mark.parametrize(
    ("name", "why", "instead"),
    [
        ("class", "a keyword of Python", "upo-class"),
        ("match", "a keyword of Python", "upo-match"),
        ("json", "standard library", "upo-json"),
        ("3d", "does not begin with a letter", "upo-my-3d"),
        ("upo-3d", "does not begin with a letter", "upo-my-3d"),
        ("polite words", "not a name that pip can install", "polite-words"),
        ("polite>=1", "not a name that pip can install", "polite"),
        ("../polite", "not a name that pip can install", "polite"),
        ("höflich", "not a name that pip can install", "h-flich"),
        ("", "not a name that pip can install", "upo-polite"),
        ("pytest", "the name of an installed package", "upo-pytest"),
        ("upo-sdk", "the name of an installed package", "upo-sdk-2"),
        ("yaml", "an installed package", "upo-yaml"),
        ("toxicity", "an objective of upo-sdk", "upo-my-toxicity"),
        ("upo-dpo", "an objective of upo-sdk", "upo-my-dpo"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_one_that_can(
    upo: Upo, folder: Path, name: str, why: str, instead: str
) -> None:
    refused = upo("plugins", "new", "--json", "--", name)
    assert refused.code == 2
    assert why in refused.data["error"]["what"]
    assert refused.data["error"]["fix"] == f"upo plugins new {instead}"
    assert written(folder) == set()
    assert upo("plugins", "new", instead).code == 0


def test_the_name_of_an_installed_plugin_is_taken_though_it_may_not_load(
    upo_process: UpoProcess, install: Installer
) -> None:
    install("acme-words", "raise SystemExit('it ran')", name="polite")
    refused = upo_process("plugins", "new", "upo-polite", UPO_PLUGINS="none")
    assert refused.code == 2
    assert "'polite' is an objective of acme-words 1.0" in refused.err


def test_an_existing_folder_is_never_touched(upo: Upo, folder: Path) -> None:
    (folder / "upo-polite").mkdir()
    refused = upo("plugins", "new", "upo-polite")
    assert refused.code == 2
    assert "exists and is not overwritten" in refused.err
    assert list(folder.rglob("*")) == [folder / "upo-polite"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_broken_link_is_not_replaced(upo: Upo, folder: Path) -> None:
    (folder / "upo-polite").symlink_to(folder / "nowhere")
    assert upo("plugins", "new", "upo-polite").code == 2
    assert (folder / "upo-polite").is_symlink()


def test_nothing_half_written_stays_when_the_disk_is_full(
    upo: Upo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text

    def full(file: Path, *given: str, **options: str) -> int:
        if file.name == "options.py":
            raise OSError(28, "No space left on device")
        return write(file, *given, **options)

    monkeypatch.setattr(Path, "write_text", full)
    refused = upo("plugins", "new", "upo-polite", "--dir", "here")
    assert refused.code == 2
    assert "cannot be written: No space left on device" in refused.err
    assert written(folder) == set()
    assert list((folder / "here").iterdir()) == []


def test_a_parent_that_is_a_file_is_refused(upo: Upo, folder: Path) -> None:
    (folder / "file").touch()
    refused = upo("plugins", "new", "upo-polite", "--dir", "file")
    assert refused.code == 2
    assert "choose another place" in refused.err


def test_the_kinds_differ_in_what_they_ask_to_be_filled_in(upo: Upo) -> None:
    upo("plugins", "new", "upo-one")
    upo("plugins", "new", "upo-two", "--kind", "preference")
    assert "def reward(prompt: str, response: str" in Path("upo-one/upo_one/objective.py").read_text()
    assert "def pair_loss(difference_B: Tensor" in Path("upo-two/upo_two/objective.py").read_text()


def test_every_template_is_used() -> None:
    names = PluginNames.choose("upo-polite", load_registry())
    made = {Path(path).name for path in (*render(names, "auxiliary"), *render(names, "preference"))}
    templates = Path(upo_cli.scaffold.__file__).parent / "templates"
    kept = {path.name.removesuffix(".txt") for path in templates.rglob("*.txt")}
    assert made - {"py.typed"} == {name.replace("gitignore", ".gitignore").replace("hook", "__init__") for name in kept}
