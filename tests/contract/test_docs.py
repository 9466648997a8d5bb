"""The documentation is true: its commands and code run, its links resolve, its generated pages are up to date."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from upo_cli.main import build_app
from upo_sdk import errors, events
from upo_sdk.plugin import HookSpecs

if TYPE_CHECKING:
    from types import ModuleType

    from conftest import Environment

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorials" / "first-run.md"
FIRST_OBJECTIVE = DOCS / "tutorials" / "your-first-objective.md"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "plugins").rglob("*.md")])

_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HURRY = re.compile(r"In a hurry\? Add `([^`]+)`")
_NUMBER = re.compile(r"[-+−]?\d[\d.,]*")
_RATE = re.compile(r"(?<= done), [\d,]+/s$")  # stands behind what took more than a second
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def all_docs() -> str:
    return "\n".join(map(read, PAGES))


def run(command: str) -> str:
    program, *arguments = command.split()
    assert program == "upo", f"the tutorial runs upo only, not {program}"
    done = CliRunner().invoke(build_app(load=arguments[:1]), arguments, prog_name="upo")
    assert done.exit_code == 0, f"{command}\n{done.output}"
    return done.output


def pattern_of(line: str) -> re.Pattern[str]:
    """Return what a line of shown output matches: any number for a number, anything for '...'."""
    parts = [r"\S+".join(map(re.escape, _NUMBER.split(" ".join(part.split())))) for part in line.split("...")]
    return re.compile(".*".join(parts))


def missing_lines(shown: list[str], output: str) -> list[str]:
    got = [_RATE.sub("", " ".join(line.split())) for line in output.splitlines()]
    wanted = [_RATE.sub("", line) for line in shown if line.strip(". ")]
    return [line for line in wanted if not any(pattern_of(line).fullmatch(actual) for actual in got)]


def check_console(block: str, hurry: str) -> None:
    """Run every command of a block and look for the output that is shown behind it."""
    for part in block.split("$ ")[1:]:
        command, *shown = part.splitlines()
        if "--output_dir" in command and "--max_steps" not in command:
            command = f"{command} {hurry}"
        assert missing_lines(shown, run(command)) == [], command


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the reader's Python does not turn warnings into errors
def test_the_tutorial_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read(TUTORIAL)
    hurry = _HURRY.search(text)
    assert hurry is not None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    names: dict[str, Any] = {}
    blocks = _BLOCK.findall(text)
    assert {language for language, _ in blocks} == {"console", "python"}
    for language, block in blocks:
        if language == "console":
            check_console(block, hurry[1])
        else:
            exec(compile(block, str(TUTORIAL), "exec"), names)
    assert names["run"]["status"] == "completed"
    assert (tmp_path / "second-run" / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_tutorial_of_the_first_objective_runs_as_it_is_written(
    warm_environment: Environment, tmp_path: Path
) -> None:
    text = read(FIRST_OBJECTIVE)
    hurry = _HURRY.search(text)
    assert hurry is not None
    for language, block in _BLOCK.findall(text):
        if language == "console":
            for part in block.split("$ ")[1:]:
                command, *shown = part.splitlines()
                said = follow(command, warm_environment, tmp_path, hurry[1])
                assert missing_lines(shown, said) == [], command
        elif block.startswith("# upo-brief/"):
            path, _, code = block.removeprefix("# ").partition("\n")
            replace_last(tmp_path / path, code)
        else:
            done = warm_environment.run("-c", block, cwd=tmp_path)
            assert "upo-brief 0.1.0 {'words': 8}" in done.stdout, done.stderr


def follow(command: str, environment: Environment, folder: Path, hurry: str) -> str:
    """Run a command of the tutorial in an environment of its own."""
    program, *arguments = shlex.split(command)
    if program == "pip":
        assert arguments == ["install", "-e", "upo-brief[dev]"]
        environment.install("-e", str(folder / "upo-brief"))  # what [dev] asks for is here
        return ""
    if "--output_dir" in arguments:
        arguments += hurry.split()
    done = environment.run("-m", {"upo": "upo_cli", "pytest": "pytest"}[program], *arguments, cwd=folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def replace_last(file: Path, code: str) -> None:
    """Put a definition in the place of the last one of its kind: a function, or a field of a class."""
    indented = code.startswith(" ")
    kind = ast.AnnAssign if indented else ast.FunctionDef
    nodes = ast.walk(ast.parse(read(file))) if indented else ast.parse(read(file)).body
    old = [node for node in nodes if isinstance(node, kind)][-1]
    lines = read(file).splitlines(keepends=True)
    file.write_text("".join([*lines[: old.lineno - 1], code, *lines[old.end_lineno :]]), encoding="utf-8")


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "properdocs", "build", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tutorials" / "first-run" / "index.html").is_file()
    assert "repository/plugins/upo_plugins/dpo/" in read(tmp_path / "reference" / "objectives" / "index.html")


@pytest.mark.parametrize("page", sorted((DOCS / "how-to").glob("*.md")), ids=lambda page: page.stem)
def test_the_python_of_the_guides_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem}
    for language, block in _BLOCK.findall(read(page)):
        if language == "python":
            exec(compile(block, str(page), "exec"), names)


def test_shown_output_is_compared_up_to_numbers() -> None:
    shown = ["steps 120 of 16 rows", "wrote ... done", "..."]
    assert missing_lines(shown, "steps  4 of 2 rows\nwrote it, done\n") == []
    assert missing_lines(shown, "steps 4 of 2 pairs\nwrote it, done\n") == ["steps 120 of 16 rows"]


def test_shown_output_is_compared_without_the_rate_of_what_took_more_than_a_second() -> None:
    assert missing_lines(["rows: 9 done", "words: 9 done, 3/s"], "rows: 8 done, 1,051/s\nwords: 7 done\n") == []
    assert missing_lines(["rows: 9 done"], "rows: 9 gone, 51/s\n") == ["rows: 9 done"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page: Path) -> None:
    for link in (first or second for first, second in _LINK.findall(read(page))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(read(target)), f"{page.name} links to {link}"


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_generated_pages_are_up_to_date() -> None:
    script = load_script("generate_reference")
    for name, text in script.pages().items():
        assert read(script.FOLDER / name) == text, f"{name} is stale: python scripts/generate_reference.py"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_hook_is_documented() -> None:
    text = all_docs()
    hooks = [name for name, _ in inspect.getmembers(HookSpecs, inspect.isfunction)]
    assert len(hooks) == 5
    assert [hook for hook in hooks if f"`{hook}" not in text] == []


def test_every_error_is_documented_with_its_code_and_exit_code() -> None:
    page = read(DOCS / "reference" / "errors.md")
    classes = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, errors.UPOError)]
    rows = [f"| `{item.__name__}` | `{item.code}` | {item.exit_code} |" for item in classes]
    assert [row for row in rows if row not in page] == []


def test_every_event_is_documented() -> None:
    page = read(DOCS / "reference" / "events.md")
    assert [name for name in events.__all__ if f"`{name}" not in page] == []


def test_every_built_in_command_is_documented() -> None:
    from typer.main import get_command

    page = read(DOCS / "reference" / "cli.md")
    root: Any = get_command(build_app())
    names = [
        f"upo {name} {inner}".rstrip() for name, command in root.commands.items() for inner in _subcommands(command)
    ]
    assert [name for name in names if f"`{name}" not in page] == []


def _subcommands(command: Any) -> list[str]:
    return list(getattr(command, "commands", [""]))
