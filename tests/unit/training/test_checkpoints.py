"""A checkpoint of which any file is cut, empty, changed or missing is never taken for a whole one."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from upo_sdk.errors import OutputError
from upo_sdk.training.checkpoints import CHECKSUMS, choose_checkpoint, damage, newest_first, publish, seal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TENSORS = ("model.safetensors", "value_head.safetensors")
_STATES = ("optimizer.pt", "rng_state.pth", "scheduler.pt", "value_optimizer.pt")
_TEXTS = ("config.json", "tokenizer.json", "trained_with.json", "trainer_state.json")
_FILES = (*_TENSORS, *_STATES, *_TEXTS, "parts/0.pt")


def write_checkpoint(folder: Path) -> Path:
    (folder / "parts").mkdir(parents=True)
    for name in _TENSORS:
        save_file({"weight": torch.arange(64.0)}, folder / name)
    for name in (*_STATES, "parts/0.pt"):
        torch.save({"state": torch.arange(64.0)}, folder / name)
    for name in _TEXTS:
        (folder / name).write_text(json.dumps({"global_step": 2, "text": name}), encoding="utf-8")
    return folder


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def remove(file: Path) -> None:
    file.unlink()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_checkpoint(tmp_path_factory.mktemp("run") / "checkpoint-2")
    seal(folder)
    return folder


def test_a_sealed_checkpoint_is_whole(sealed: Path) -> None:
    assert damage(sealed) is None


@pytest.mark.parametrize("spoil", [empty, cut, flip, remove])
@pytest.mark.parametrize("name", _FILES)
def test_a_damaged_file_is_named(sealed: Path, tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    folder = shutil.copytree(sealed, tmp_path / "checkpoint-2")
    spoil(folder / name)
    assert (damage(folder) or "").startswith(name)


@pytest.mark.parametrize("spoil", [empty, cut, flip, remove])
def test_damaged_checksums_make_no_whole_checkpoint(
    sealed: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = shutil.copytree(sealed, tmp_path / "checkpoint-2")
    spoil(folder / CHECKSUMS)
    assert damage(folder)


@pytest.mark.parametrize("spoil", [empty, cut, remove])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json"])
def test_a_checkpoint_without_checksums_is_whole_if_it_can_be_read(
    tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint-2")
    shutil.rmtree(folder / "parts")
    (folder / "trained_with.json").unlink()  # it came with the checksums
    assert damage(folder) is None
    spoil(folder / name)
    assert (damage(folder) or "").startswith(name)


def test_the_newest_whole_checkpoint_is_taken_and_the_damaged_one_is_named(sealed: Path, tmp_path: Path) -> None:
    for steps in (2, 10, 9):
        shutil.copytree(sealed, tmp_path / f"checkpoint-{steps}")
    cut(tmp_path / "checkpoint-10" / "optimizer.pt")
    chosen = choose_checkpoint(tmp_path, "last")
    assert chosen.path == tmp_path / "checkpoint-9"
    (notice,) = chosen.passed_over
    assert notice.startswith("checkpoint-10 is damaged: optimizer.pt is not as it was written")
    assert notice.endswith("checkpoint-9 is taken instead")


def test_a_damaged_checkpoint_that_was_named_is_an_error_with_the_newest_whole_one(
    sealed: Path, tmp_path: Path
) -> None:
    for steps in (2, 4):
        shutil.copytree(sealed, tmp_path / f"checkpoint-{steps}")
    remove(tmp_path / "checkpoint-4" / "scheduler.pt")
    with pytest.raises(OutputError, match=r"scheduler\.pt is missing") as raised:
        choose_checkpoint(tmp_path, "checkpoint-4")
    assert "`resume_from_checkpoint=checkpoint-2`, the newest that is whole" in str(raised.value)


def test_without_a_whole_checkpoint_every_damage_is_told(sealed: Path, tmp_path: Path) -> None:
    empty(shutil.copytree(sealed, tmp_path / "checkpoint-2") / "model.safetensors")
    with pytest.raises(OutputError, match="no whole checkpoint") as raised:
        choose_checkpoint(tmp_path, "last")
    assert "checkpoint-2 is damaged: model.safetensors" in str(raised.value)


def test_a_kill_before_the_checkpoint_is_in_its_place_leaves_the_older_one(sealed: Path, tmp_path: Path) -> None:
    shutil.copytree(sealed, tmp_path / "checkpoint-2")
    write_checkpoint(tmp_path / ".saving" / "checkpoint-4")
    assert newest_first(tmp_path) == [tmp_path / "checkpoint-2"]


def test_a_checkpoint_replaces_an_older_one_of_its_name(sealed: Path, tmp_path: Path) -> None:
    place = shutil.copytree(sealed, tmp_path / "checkpoint-2")
    cut(place / "optimizer.pt")
    publish(shutil.copytree(sealed, tmp_path / ".saving" / "checkpoint-2"), place)
    assert damage(place) is None
    assert list((tmp_path / ".saving").iterdir()) == []


def test_files_of_a_checkpoint_are_as_readable_as_other_new_files(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint-2")
    (folder / "model.safetensors").chmod(0o600)
    (tmp_path / "new").touch()
    seal(folder)
    assert {path.stat().st_mode for path in folder.glob("*.*")} == {(tmp_path / "new").stat().st_mode}
