"""Every promise of the documentation has a test; ``conftest.py`` checks that the named tests ran and passed."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path  # noqa: TC003 - a parameter's type

import pytest
from promises import ROOT, Promise, one_line, promising_sentences, read_ledger

LEDGER = read_ledger()
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").rglob("README.md")]
    if "adr" not in page.parts and page.name != "promises.md"
)


def test_the_ledger_is_read() -> None:
    assert len(LEDGER) > 100
    assert {promise.page for promise in LEDGER} <= {page.relative_to(ROOT).as_posix() for page in PAGES}


@pytest.mark.parametrize("promise", LEDGER, ids=lambda promise: f"{promise.page}: {promise.text[:40]}")
def test_a_promise_stands_in_its_page_and_names_tests_that_exist(promise: Promise) -> None:
    page = one_line((ROOT / promise.page).read_text(encoding="utf-8"))
    assert one_line(promise.text) in page, "the page says it no longer: change or remove the row"
    assert promise.tests or promise.no_promise, "name a test, or write 'no promise: why'"
    assert [test for test in promise.tests if not exists(test)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_sentence_with_a_word_of_promise_is_in_the_ledger(page: Path) -> None:
    known = [one_line(item.text) for item in LEDGER if item.page == page.relative_to(ROOT).as_posix()]
    sentences = promising_sentences(page.read_text(encoding="utf-8"))
    assert [text for text in sentences if not any(words in text for words in known)] == []


def exists(test: str) -> bool:
    """Return whether ``file.py::name`` or ``file.py::Class::name`` is defined."""
    file, *names = test.split("::")
    return bool(names) and names[-1] in defined(file)


@cache
def defined(file: str) -> frozenset[str]:
    path = ROOT / file
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else iter(())
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))
