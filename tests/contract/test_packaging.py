"""The wheel holds exactly the three packages, their data, and the entry points that match the folders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"upo_sdk", "upo_plugins", "upo_cli"}
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def entry_points(wheel: Path) -> ConfigParser:
    parser = ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        parser.read_string(archive.read(name).decode())
    return parser


def test_the_wheel_holds_exactly_the_three_packages(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {metadata} == PACKAGES


def test_every_package_says_that_it_is_typed(names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_wheel_holds_every_file_of_the_packages(names: set[str]) -> None:
    roots = [ROOT / "upo_sdk", ROOT / "plugins" / "upo_plugins", ROOT / "cli" / "upo_cli"]
    files = [file for root in roots for file in root.rglob("*") if file.is_file() and file.parent.name != "__pycache__"]
    packed = {file.relative_to(root.parent).as_posix() for root in roots for file in files if root in file.parents}
    assert len(packed) > 100
    assert packed <= names


def test_the_data_that_a_first_run_needs_is_inside(names: set[str]) -> None:
    wanted = {
        "upo_sdk/demo/assets/model/model.safetensors",
        "upo_sdk/demo/assets/model/tokenizer.json",
        "upo_sdk/demo/assets/data/train.jsonl.gz",
        "upo_sdk/demo/assets/data/held_out.jsonl.gz",
        "upo_sdk/config/presets/paper.yaml",
        "upo_plugins/toxicity/weights/builtin.safetensors",
    }
    assert wanted <= names


def test_the_licence_is_inside_and_nothing_that_was_built_is(names: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".pkl", ".bin", ".pt"))]


def test_the_folders_of_plugins_are_the_entry_points(wheel: Path) -> None:
    folders = {item.parent.name for item in (ROOT / "plugins" / "upo_plugins").glob("*/__init__.py")}
    registered = dict(entry_points(wheel)["upo"])
    assert registered == {folder: f"upo_plugins.{folder}" for folder in folders}
    assert dict(entry_points(wheel)["console_scripts"]) == {"upo": "upo_cli.main:main"}


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 10 * MEGABYTE
