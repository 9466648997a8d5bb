"""Texts of a run folder without the paths of the machine that made it, for those that others will read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from upo_sdk.config.files import RESOLVED_CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["without_local_paths"]


def without_local_paths(folder: Path) -> Callable[[str], str]:
    """Return a function that writes every absolute path of the run's configuration as its last part.

    What remains of the home directory becomes ``~``.
    """
    path = folder / RESOLVED_CONFIG
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = {text for text in (*_texts(config), str(folder.absolute())) if Path(text).is_absolute() and Path(text).name}
    names = {text: Path(text).name for text in sorted(found, key=len, reverse=True)}
    home = str(Path.home())

    def replace_paths(text: str) -> str:
        for local, name in names.items():
            text = text.replace(local, name)
        return text.replace(home, "~") if home != Path(home).anchor else text

    return replace_paths


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)
