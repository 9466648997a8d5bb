"""Checkpoints that are there whole or not at all: written aside, sealed with checksums, then moved to their place."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from upo_sdk.atomic_file import write_atomically
from upo_sdk.errors import OutputError, TrainingError
from upo_sdk.records import TrainedWith

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = [
    "CHECKSUMS",
    "RESUME_WITH_SPACE",
    "STAGING",
    "ChosenCheckpoint",
    "choose_checkpoint",
    "damage",
    "disk_errors",
    "newest_first",
    "publish",
    "seal",
]

CHECKSUMS = "checksums.json"
"""What a checkpoint holds, by the SHA-256 of each file; written last."""
STAGING = ".saving"
"""The folder in a run folder where a checkpoint is written; what a kill leaves there is no checkpoint."""
RESUME_WITH_SPACE = "free some space, then resume: `resume_from_checkpoint=last`"
_NAME = re.compile(r"checkpoint-(\d+)")
_STATE = "trainer_state.json"
_TORCH_CANNOT_WRITE = "PytorchStreamWriter"
"""What torch names in its error, which has no special type, if a file cannot be written."""


@dataclass(frozen=True, slots=True)
class ChosenCheckpoint:
    """The checkpoint to resume from.

    Attributes:
        path: Its folder, which is whole.
        passed_over: What is wrong with newer ones, in words.
    """

    path: Path
    passed_over: tuple[str, ...] = ()


def newest_first(run: Path) -> list[Path]:
    """Return the checkpoints in a run folder, whole or not, those with the most steps first."""
    found = {entry: _NAME.fullmatch(entry.name) for entry in run.glob("checkpoint-*") if entry.is_dir()}
    steps = {entry: int(match[1]) for entry, match in found.items() if match}
    return sorted(steps, key=lambda entry: -steps[entry])


def choose_checkpoint(run: Path, wanted: str) -> ChosenCheckpoint:
    """Return the checkpoint that is wanted: ``last`` (the newest whole one), a name in the run folder, or a path.

    Reads all of every checkpoint that it considers.

    Raises:
        OutputError: There is none, or the one that is named is damaged.
    """
    if wanted == "last":
        return _newest_whole(run)
    place = next((place for place in (Path(wanted), run / wanted) if place.is_dir()), None)
    if place is None:
        there = [entry.name for entry in newest_first(run)]
        raise OutputError(
            "there is no such checkpoint to resume from",
            where=str(run / wanted),
            fix=f"checkpoints there: {', '.join(there)}" if there else "start the run without `resume_from_checkpoint`",
        )
    if found := damage(place):
        others = (entry for entry in newest_first(place.parent) if entry.name != place.name)
        whole = next((entry for entry in others if damage(entry) is None), None)
        raise OutputError(
            f"the checkpoint is damaged: {found}",
            where=str(place),
            fix=f"`resume_from_checkpoint={whole.name}`, the newest that is whole" if whole else _START_AGAIN,
        )
    return ChosenCheckpoint(place)


_START_AGAIN = (
    "start the run again with `overwrite_output_dir=true`; scores and reference log-probs are kept in the cache"
)


def _newest_whole(run: Path) -> ChosenCheckpoint:
    passed_over = list[str]()
    for entry in newest_first(run):
        found = damage(entry)
        if found is None:
            notices = (f"{text}; {entry.name} is taken instead" for text in passed_over)
            return ChosenCheckpoint(entry, tuple(notices))
        passed_over.append(f"{entry.name} is damaged: {found}")
    raise OutputError(
        "there is no whole checkpoint to resume from" if passed_over else "there is no checkpoint to resume from",
        where="; ".join((str(run), *passed_over)),
        fix=_START_AGAIN if passed_over else "start the run without `resume_from_checkpoint`",
    )


def seal(folder: Path) -> None:
    """Write down the checksum of every file, and give every file the mode that a new file has."""
    sums = {path.relative_to(folder).as_posix(): _sha256(path) for path in _files(folder)}
    write_atomically(folder / CHECKSUMS, json.dumps(sums, indent=2) + "\n")
    mode = (folder / CHECKSUMS).stat().st_mode
    for name in sums:
        (folder / name).chmod(mode)


@contextmanager
def disk_errors(what: str, where: Path, fix: str) -> Generator[None]:
    """Turn what the disk does not take into a :class:`TrainingError` that says what cannot be written."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and _TORCH_CANNOT_WRITE not in str(error):
            raise
        reason = next(iter(str(error).splitlines()), error)
        raise TrainingError(f"{what} cannot be written: {reason}", where=str(where), fix=fix) from error


def publish(staged: Path, place: Path) -> None:
    """Move a sealed checkpoint to its place; an older one there is replaced."""
    if place.exists():
        replaced = staged.with_name(f"replaced-{place.name}")
        place.replace(replaced)
        staged.replace(place)
        shutil.rmtree(replaced)
    else:
        staged.replace(place)


def damage(folder: Path) -> str | None:
    """Return what is wrong with a checkpoint, with the name of the file, or None if it is whole.

    A checkpoint without checksums, of a version that wrote none, is whole if its files can be parsed. The record of
    what it was trained with came with the checksums: where that is, these were removed.
    """
    if not (folder / CHECKSUMS).exists():
        return f"{CHECKSUMS} is missing" if (folder / TrainedWith.FILE).exists() else _damage_without_sums(folder)
    try:
        sums: dict[str, str] = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))
        expected = {str(name): str(digest) for name, digest in sums.items()}
    except (ValueError, AttributeError):
        return f"{CHECKSUMS} cannot be read"
    if _STATE not in expected:
        return f"{CHECKSUMS} does not name {_STATE}"
    for name, digest in expected.items():
        if not (folder / name).is_file():
            return f"{name} is missing"
        if _sha256(folder / name) != digest:
            return f"{name} is not as it was written ({(folder / name).stat().st_size:,} bytes)"
    return None


def _damage_without_sums(folder: Path) -> str | None:
    names = {path.name for path in _files(folder)}
    sharded = any(entry.is_dir() for entry in folder.iterdir())  # as FSDP and DeepSpeed write
    needed = (_STATE, "config.json", *(() if sharded else ("optimizer.pt", "scheduler.pt")))
    for name in needed:
        if name not in names:
            return f"{name} is missing"
    if not sharded and not any(name.endswith(".safetensors") and name.startswith("model") for name in names):
        return "model.safetensors is missing"
    return next((f"{path.name} cannot be read" for path in _files(folder) if not _parses(path)), None)


def _parses(path: Path) -> bool:
    try:
        match path.suffix:
            case ".json":
                json.loads(path.read_text(encoding="utf-8"))
            case ".safetensors":
                with safe_open(path, framework="pt"):
                    pass
            case ".pt" | ".pth":
                with zipfile.ZipFile(path) as archive:
                    return archive.testzip() is None
            case _:
                pass
    except (ValueError, OSError, SafetensorError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return False
    return True


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CHECKSUMS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
