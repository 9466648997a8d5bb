"""Say which lower bounds of ``pyproject.toml`` are not what is installed: other packages need more than they say."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def main() -> None:
    """End with 1 if a declared lower bound is not the installed release."""
    texts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wrong = [line for text in texts if (line := _difference(Requirement(text)))]
    sys.exit("\n".join(wrong))


def _difference(requirement: Requirement) -> str:
    (bound,) = (part.version for part in requirement.specifier if part.operator in {">=", "=="})
    installed = Version(version(requirement.name))
    same = Version(installed.public) == Version(bound)
    return "" if same else f"{requirement.name}: pyproject.toml says {bound}, and {installed} is installed"


if __name__ == "__main__":
    main()
