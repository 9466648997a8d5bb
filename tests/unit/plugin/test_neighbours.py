"""Broken installations beside ours: listed with their reason, and what does not ask for them goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.config import PluginPolicy
from upo_sdk.errors import PluginError
from upo_sdk.plugin.registry import Registry, load_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Plant = Callable[..., None]

POINTS = "[upo]\nodd = plugin_odd\n"
FORMATS = """
from upo_sdk.plugin import hookimpl

@hookimpl
def upo_register_dataset_formats():
    return [1]
"""


def metadata(name: str, version: str = "1.0") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


NEIGHBOURS: dict[str, tuple[dict[str, str | bytes], str]] = {
    "no METADATA": ({"entry_points.txt": POINTS}, "its METADATA is missing or has no name"),
    "an empty METADATA": ({"METADATA": "", "entry_points.txt": POINTS}, "its METADATA is missing or has no name"),
    "METADATA that is no text": ({"METADATA": b"\xff\xfe\x00", "entry_points.txt": POINTS}, "its METADATA"),
    "an entry point that points nowhere": (
        {"METADATA": metadata("odd"), "entry_points.txt": POINTS},
        "No module named 'plugin_odd'",
    ),
    "an entry point that is no path": (
        {"METADATA": metadata("odd"), "entry_points.txt": "[upo]\nodd = not a path\n"},
        "'not a path' is no path of a module",
    ),
    "entry points that are no text": (
        {"METADATA": metadata("odd"), "entry_points.txt": b"[upo]\n\xff = x\n"},
        "its entry_points.txt cannot be read",
    ),
    "entry points that are no pairs": (
        {"METADATA": metadata("odd"), "entry_points.txt": "[upo]\njust words\n"},
        "its entry_points.txt cannot be read",
    ),
    "a plugin of another version": (
        {"METADATA": metadata("odd") + "Requires-Dist: upo-sdk>=99\n", "entry_points.txt": POINTS},
        "it is made for upo-sdk>=99, and this is ",
    ),
    "an older plugin": (
        {"METADATA": metadata("odd") + "Requires-Dist: UPO_SDK (<0.0.1)\n", "entry_points.txt": POINTS},
        "it is made for upo-sdk<0.0.1, and this is ",
    ),
}


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Return a function that writes the folder of a distribution, byte by byte, and puts it first on the path."""

    def write(folder: str, files: dict[str, str | bytes]) -> None:
        place = tmp_path / f"site-{folder}"
        (place / folder).mkdir(parents=True)
        for name, content in files.items():
            (place / folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.syspath_prepend(str(place))

    return write


def load() -> Registry:
    return load_registry(PluginPolicy(allow="auto")).check()


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_a_broken_neighbour_is_listed_with_its_reason_and_stops_nobody(kind: str, plant: Plant) -> None:
    files, reason = NEIGHBOURS[kind]
    plant("odd-1.0.dist-info", files)
    registry = load()
    (found,) = [plugin for plugin in registry.plugins if not plugin.builtin]
    assert (found.status, found.distribution) == ("failed", "odd")
    assert reason in found.reason
    assert registry.get("dpo")
    (warning,) = registry.warnings
    assert reason in warning
    (error,) = registry.errors
    assert error.fix


def test_several_broken_neighbours_are_one_line(plant: Plant) -> None:
    plant("one-1.0.dist-info", {"entry_points.txt": POINTS})
    plant("two-1.0.dist-info", {"METADATA": metadata("two"), "entry_points.txt": "[upo]\ntwo = plugin_two\n"})
    (warning,) = load().warnings
    assert warning.startswith("2 plugins did not load")


def test_a_broken_neighbour_that_is_no_plugin_is_not_mentioned(plant: Plant) -> None:
    plant("stranger-1.0.dist-info", {"entry_points.txt": b"[console_scripts]\n\xff = x\n"})
    plant("empty-1.0.dist-info", {})
    registry = load()
    assert (registry.warnings, registry.errors) == ((), ())


def test_of_two_installations_of_one_distribution_the_first_counts_and_the_other_is_listed(plant: Plant) -> None:
    plant("good-0.9.dist-info", {"METADATA": metadata("good", "0.9"), "entry_points.txt": "[upo]\ngood = gone\n"})
    plant("good-1.0.dist-info", {"METADATA": metadata("good"), "entry_points.txt": "[upo]\ngood = json\n"})
    registry = load()
    found = {plugin.version: plugin for plugin in registry.plugins if not plugin.builtin}
    assert (found["1.0"].status, found["0.9"].status) == ("loaded", "shadowed")
    assert "version 1.0 comes first on the path" in found["0.9"].reason
    assert registry.warnings == ()


def test_a_plugin_whose_data_formats_fail_is_left_out_and_its_format_says_why(
    plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(
        "shapes-1.0.dist-info", {"METADATA": metadata("shapes"), "entry_points.txt": "[upo]\nshapes = plugin_shapes\n"}
    )
    (tmp_path / "plugin_shapes.py").write_text(FORMATS)
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = load()
    assert registry.dataset_formats() == []
    with pytest.raises(PluginError, match="DatasetFormatSpec"):
        registry.dataset_formats("shapes")


def test_the_block_list_holds_beside_a_broken_neighbour(plant: Plant) -> None:
    from upo_sdk.config import ObjectiveRef
    from upo_sdk.plugin.build import build_objectives

    plant("odd-1.0.dist-info", {"entry_points.txt": POINTS, "RECORD": b"\xff\xfe,,\n"})
    plant("bad-1.0.dist-info", {"METADATA": metadata("bad"), "entry_points.txt": "[upo]\nbad = plugin_bad\n"})
    registry = load_registry(PluginPolicy(allow="auto", block=("bad",)))
    with pytest.raises(PluginError, match="is blocked"):
        build_objectives([ObjectiveRef.model_validate("plugin_bad:score:1")], registry)
