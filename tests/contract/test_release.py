"""The places that name the version agree (RELEASING.md)."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_installed_package_is_this_version() -> None:
    assert version("upo-sdk") == VERSION, "pip install -e . again"


def test_the_citation_names_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION


def test_the_changelog_has_a_section_for_this_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert VERSION in {heading.rstrip(",") for heading in headings}


def test_the_output_in_the_tutorials_names_this_version() -> None:
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "tutorials").glob("*.md"))
    assert set(re.findall(r"\bupo-sdk (\d+\.\d+\.\d+)", pages)) == {VERSION}


def test_the_forms_and_the_workflow_can_be_read_and_call_what_exists() -> None:
    forms = {file.name: yaml.safe_load(file.read_text()) for file in (ROOT / ".github").rglob("*.yml")}
    steps = [step.get("run", "") for job in forms["ci.yml"]["jobs"].values() for step in job["steps"]]
    called = [step for step in steps if step.startswith(".ci/")]
    assert sorted(called) == [".ci/lowest", ".ci/run"]
    assert all((ROOT / script).is_file() for script in called)
    assert all(form["body"] for name, form in forms.items() if name in {"bug.yml", "feature.yml", "objective.yml"})
