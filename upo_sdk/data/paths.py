"""What the user wrote as the place of data: paths, patterns of file names, and weights of a mixture."""

from __future__ import annotations

import glob
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.data.files import data_suffix
from upo_sdk.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NamedSource", "find_sources", "only_path"]

_SETTING = "`data.path`"
_WEIGHTED = re.compile(r"(.+):([^:/\\]*)")
"""A path and what may be its weight; ``C:\\data.jsonl`` has none, because a weight has no slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSource:
    """One place that the user named.

    Attributes:
        name: What was written, without the weight.
        paths: A file, a folder or a hub name; of a pattern all files that match, in the order of their names.
        weight: The share of its rows in a mixture, in any unit; None if all rows of all sources are used.
    """

    name: str
    paths: tuple[str, ...]
    weight: float | None


def find_sources(written: Sequence[str]) -> tuple[NamedSource, ...]:
    """Find what was named.

    Args:
        written: Each a path, a hub name or a pattern such as ``part-*.jsonl``; in a mixture with ``:WEIGHT``.

    Raises:
        DataError: No file matches a pattern.
        ConfigError: Some have a weight and others none, a weight is not positive, or a path is named twice.
    """
    sources = tuple(map(_read, written))
    weighted = [source.name for source in sources if source.weight is not None]
    if weighted and len(weighted) < len(sources):
        missing = next(source.name for source in sources if source.weight is None)
        raise ConfigError(
            f"some sources have a weight and '{missing}' has none", where=_SETTING, fix=f"write {missing}:WEIGHT, too"
        )
    if weighted and len(sources) == 1:
        raise ConfigError(
            "a weight is a share among several sources, and there is one",
            where=_SETTING,
            fix="leave the weight out, or use `data.max_rows`",
        )
    paths = [path for source in sources for path in source.paths]
    if twice := sorted({path for path in paths if paths.count(path) > 1}):
        raise ConfigError(
            f"'{twice[0]}' is named twice",
            where=_SETTING,
            fix="name it once, with a larger weight if it shall count more",
        )
    return sources


def only_path(written: Sequence[str], *, why: str) -> str:
    """Return the one path that is named.

    Raises:
        DataError: It is a pattern that no file matches.
        ConfigError: There are several; it says ``why`` one is needed.
    """
    paths = [path for source in find_sources(written) for path in source.paths]
    if len(paths) > 1:
        raise ConfigError(f"{why}, and `data.path` names {len(paths)}", where=_SETTING, fix="name one of them")
    return paths[0]


def _read(written: str) -> NamedSource:
    found = None if _is_there(written) else _WEIGHTED.fullmatch(written)
    if found is None:
        return NamedSource(name=written, paths=_expanded(written), weight=None)
    path, text = found.groups()
    weight = _number(text)
    if weight is None and not _is_there(path):
        return NamedSource(name=written, paths=_expanded(written), weight=None)
    if weight is None or not 0 < weight < math.inf:
        raise ConfigError(
            f"the weight of '{path}' is {text or 'missing'}: it must be a number above 0",
            where=_SETTING,
            fix=f"write, for example, {path}:0.5",
        )
    return NamedSource(name=path, paths=_expanded(path), weight=weight)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_there(path: str) -> bool:
    return Path(path).expanduser().exists()


def _expanded(path: str) -> tuple[str, ...]:
    if not glob.has_magic(path) or _is_there(path):
        return (path,)
    matches = glob.glob(str(Path(path).expanduser()), recursive=True)  # noqa: PTH207 - Path.glob has no patterns of roots
    files = sorted(match for match in matches if Path(match).is_file() and data_suffix(Path(match)))
    if not files:
        raise DataError(
            "no data file matches this pattern",
            where=path,
            fix="check it; in a shell, quote it: `data.path=part-*.jsonl`",
        )
    return tuple(files)
