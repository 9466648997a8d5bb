"""The promises ledger: sentences of the documentation, and the tests that hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LEDGER", "NO_PROMISE", "ROOT", "Promise", "one_line", "promising_sentences", "read_ledger"]

ROOT = Path(__file__).parents[2]
LEDGER = ROOT / "docs" / "reference" / "promises.md"
NO_PROMISE = "no promise: "
"""What stands in the place of a test where a word of promise is used for something else, and why."""

_PROMISING = re.compile(
    r"\b(exact|exactly|never|always|at most|offline|(?<!at )once|bit for bit|guarantee\w*|identical)\b", re.IGNORECASE
)
_HEADING = re.compile(r"^## `(?P<page>[^`]+)`$")
_ROW = re.compile(r"^\| (?P<text>.+?) \| (?P<tests>[^|]+) \|$")
_CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_END_OF_SENTENCE = re.compile(r"(?<=[.:;])\s+|\n\n|\n\||\n *- |\n#+ ")


@dataclass(frozen=True, slots=True)
class Promise:
    """Words of a page, and the tests that hold them (or why they promise nothing)."""

    page: str
    text: str
    tests: tuple[str, ...]
    no_promise: str = ""


def read_ledger() -> list[Promise]:
    """Return every entry; a row is ``| words of the page | `test`, `test` |`` below a heading that names the page."""
    found, page = list[Promise](), ""
    for line in LEDGER.read_text(encoding="utf-8").splitlines():
        if heading := _HEADING.match(line):
            page = heading["page"]
        elif page and (row := _ROW.match(line)) and not row["text"].startswith(("---", "promise")):
            held = row["tests"]
            reason = held.removeprefix(NO_PROMISE) if held.startswith(NO_PROMISE) else ""
            tests = () if reason else tuple(re.findall(r"`([^`]+)`", held))
            found.append(Promise(page, row["text"].replace("\\|", "|"), tests, reason))
    return found


def promising_sentences(text: str) -> list[str]:
    """Return the sentences and table rows of a page that hold a word of promise, on one line each."""
    parts = _END_OF_SENTENCE.split(_CODE_BLOCK.sub("", text))
    return [one_line(part) for part in parts if _PROMISING.search(part)]


def one_line(text: str) -> str:
    """Return text with every run of white space as one blank."""
    return " ".join(text.split())
