"""What ``upo plugins new`` writes is built to wheels, installed with plain pip, tested, listed and trained with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Environment

NAMES = {"auxiliary": "upo-polite", "preference": "upo-soft"}


def wheel(source: Path, folder: Path, environment: Environment) -> str:
    done = environment.run(
        *("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)), cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob(f"{source.name.replace('-', '_')}-*.whl")
    return str(built)


@pytest.mark.slow
def test_both_kinds_are_built_installed_tested_listed_and_trained_with(
    warm_environment: Environment, model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    for kind, name in NAMES.items():
        made = warm_environment.run("-m", "upo_cli", "plugins", "new", name, "--kind", kind, cwd=tmp_path)
        assert made.returncode == 0, made.stderr
    warm_environment.install(*(wheel(tmp_path / name, tmp_path, warm_environment) for name in NAMES.values()))

    for name in NAMES.values():
        package = tmp_path / name / name.replace("-", "_")
        package.rename(tmp_path / f"not-{name}")  # so that the wheel is tested, not the source
        tested = warm_environment.run("-m", "pytest", "-q", cwd=tmp_path / name)
        assert tested.returncode == 0, tested.stdout + tested.stderr
        assert "passed" in tested.stdout

    listed = json.loads(warm_environment.run("-m", "upo_cli", "plugins", "list", "--json", cwd=tmp_path).stdout)[
        "plugins"
    ]
    found = {item["distribution"]: (item["name"], item["kind"], item["version"], item["status"]) for item in listed}
    assert found["upo-polite"] == ("polite", "auxiliary", "0.1.0", "loaded")
    assert found["upo-soft"] == ("soft", "preference", "0.1.0", "loaded")

    basics = ["--model", str(model_folder("llama")), "--data", str(pairs_file), "--max_steps", "2"]
    objectives = ["--objective", "polite:0.3,word=hold", "--objective", "soft,beta=0.2"]
    arguments = ["-m", "upo_cli", "train", *basics, *objectives, "--output_dir", "run"]
    trained = warm_environment.run(*arguments, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    manifest = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert (manifest["status"], manifest["steps"]) == ("completed", 2)
    used = {item["label"]: (item["distribution"], item["version"]) for item in manifest["objectives"]}
    assert used == {"polite": ("upo-polite", "0.1.0"), "soft": ("upo-soft", "0.1.0")}


@pytest.mark.slow
def test_the_tests_of_a_fresh_distribution_pass_before_it_is_installed(
    environment: Environment, tmp_path: Path
) -> None:
    assert environment.run("-m", "upo_cli", "plugins", "new", "upo-polite", cwd=tmp_path).returncode == 0
    tested = environment.run("-m", "pytest", "-q", "upo-polite", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_fresh_environment_sees_our_packages(environment: Environment, tmp_path: Path) -> None:
    done = environment.run("-c", "import sys, upo_sdk; print(sys.prefix)", cwd=tmp_path)
    assert done.stdout.strip() == str(environment.folder), done.stderr
    assert str(environment.folder) != sys.prefix
