"""Hooks of the documentation's site: pages link to files of the repository, which become part of the site."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from properdocs.structure.files import File

__all__ = ["on_files", "on_page_markdown"]

_ROOT = Path(__file__).resolve().parents[1]
_DOCS = _ROOT / "docs"
_OUTSIDE = "repository"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add every file outside ``docs/`` to which a page links, and those to which these link."""
    waiting, seen = sorted(_DOCS.rglob("*.md")), set[Path]()
    while waiting:
        for target in _targets(waiting.pop()):
            if not target.is_relative_to(_DOCS) and target not in seen:
                seen.add(target)
                files.append(File.generated(config, _place(target), abs_src_path=str(target)))
                waiting += [target] if target.suffix == ".md" else []
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point the links of a page to where the files are in the site; a folder has no page, so only its text stays."""
    source = Path(page.file.abs_src_path)

    def point(match: re.Match[str]) -> str:
        target = _target(source, match[2])
        if target is None:
            return match[1] if (source.parent / match[2]).is_dir() else match[0]  # strict mode complains of the latter
        link = os.path.relpath(_place(target), Path(page.file.src_uri).parent)
        return f"[{match[1]}]({Path(link).as_posix()}{match[3] or ''})"

    return _LINK.sub(point, markdown)


def _targets(page: Path) -> list[Path]:
    found = (_target(page, match[2]) for match in _LINK.finditer(page.read_text(encoding="utf-8")))
    return [target for target in found if target is not None]


def _target(page: Path, link: str) -> Path | None:
    """Return the file of the repository that a link means."""
    target = (page.parent / link).resolve()
    return target if target.is_file() and target.is_relative_to(_ROOT) else None


def _place(target: Path) -> str:
    """Return where a file of the repository is in the site."""
    if target.is_relative_to(_DOCS):
        return target.relative_to(_DOCS).as_posix()
    return f"{_OUTSIDE}/{target.relative_to(_ROOT).as_posix()}"
