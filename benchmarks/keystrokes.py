"""Count what the tutorial asks its reader to type: python benchmarks/keystrokes.py.

Commands count with their Enter, code without indentation, which an editor supplies, and with one Enter per line. A line
of code that is in the generated file already, such as the head of the function, is not typed again.
"""

from __future__ import annotations

import re
from pathlib import Path

from upo_cli.scaffold import PluginNames, render

_TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorials" / "your-first-objective.md"
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main() -> None:
    """Print the counts."""
    blocks = _BLOCK.findall(_TUTORIAL.read_text(encoding="utf-8"))
    given = {line for text in render(PluginNames("upo-brief"), "auxiliary").values() for line in text.splitlines()}
    commands = [
        line.removeprefix("$ ")
        for kind, block in blocks
        if kind == "console"
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    code = [
        line.strip()
        for kind, block in blocks
        if kind == "python" and block.startswith("# upo-brief/")
        for line in block.splitlines()[1:]
        if line not in given
    ]
    for name, lines in (("commands", commands), ("code", code)):
        print(f"{name}: {len(lines)} lines, {sum(len(line) + 1 for line in lines)} keystrokes")


if __name__ == "__main__":
    main()
