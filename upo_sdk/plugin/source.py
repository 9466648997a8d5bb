"""The hash of an objective's code, for the manifest and the score cache."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["source_sha256"]


def source_sha256(module: str) -> str:
    """Return the SHA-256 of a module's source, of all modules beside and below it, and of what they import.

    Of imports those count that are in the same top-level package; they are read and not run. A module outside any
    package is hashed alone; one without a source file gives an empty string.
    """
    found = find_spec(module)
    if found is None or found.origin is None or not Path(found.origin).is_file():
        return ""
    origin, parts = Path(found.origin), module.split(".")
    root = origin.parents[len(parts) - (origin.name != "__init__.py")]
    own = origin.parent.rglob("*.py") if len(parts) > 1 else [origin]
    digest = hashlib.sha256()
    for source in sorted(_with_imports(own, root, parts[0])):
        digest.update(f"{source.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def _with_imports(sources: Iterable[Path], root: Path, package: str) -> set[Path]:
    """Return sources and everything of their package that they import, directly or not."""
    found, waiting = set[Path](), list(sources)
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting += _imports(source, root, package)
    return found


def _imports(source: Path, root: Path, package: str) -> Iterator[Path]:
    for name in _all_imported(source.read_bytes(), source.relative_to(root).parts[:-1]):
        if name[0] == package:
            path = root.joinpath(*name)
            yield from (file for file in (path.with_name(f"{path.name}.py"), path / "__init__.py") if file.is_file())


@lru_cache(maxsize=1024)  # every objective that is built reads the same few files
def _all_imported(source: bytes, folders: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """Return the names of what may be modules in a source, as parts from the root on.

    Args:
        source: The text of a file; what is no Python imports nothing.
        folders: The folders from the root to the file.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(name for node in ast.walk(tree) for name in _imported(node, folders))


def _imported(node: ast.AST, folders: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the names of what may be modules in one statement."""
    if isinstance(node, ast.Import):
        yield from (tuple(alias.name.split(".")) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = folders[: len(folders) - node.level + 1] if node.level else ()
        module = (*above, *(node.module.split(".") if node.module else ()))
        if module:
            yield module
            yield from ((*module, alias.name) for alias in node.names)
