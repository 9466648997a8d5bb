"""A real distribution from outside: built, installed, listed, trained with; and one that claims a taken name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = Path(__file__).parents[1] / "third_party"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that builds a distribution to a wheel and installs it into a folder of its own."""

    def install(name: str) -> Path:
        wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp(name)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(SOURCES / name)]
        subprocess.run([*pip, *build], check=True)
        (wheel,) = wheels.glob("*.whl")
        subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
        return target

    return install


def upo(site: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", "upo_cli", *arguments], capture_output=True, text=True, env=variables, check=False
    )


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_a_third_party_objective_is_listed_and_trained_with(
    installed: Callable[[str], Path], model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    site = installed("upo-example")
    listed = json.loads(upo(site, "objectives", "list", "--json").stdout)["objectives"]
    assert any(item["name"] == "question" and "upo-example" in json.dumps(item) for item in listed)
    run = tmp_path / "run"
    arguments = ["--model", str(model_folder("llama")), "--data", str(pairs_file), "--output_dir", str(run)]
    objectives = ["--objective", "question:0.5,mark=.", "--objective", "mention:the:0.3"]
    trained = upo(site, "train", *arguments, *objectives, "--max_steps", "2")
    assert trained.returncode == 0, trained.stderr
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    used = next(item for item in manifest["objectives"] if item["label"] == "question")
    assert (used["distribution"], used["version"], used["options"]) == ("upo-example", "0.2.0", {"mark": "."})
    scheme = next(item for item in manifest["objectives"] if item["label"] == "the")
    assert (scheme["distribution"], scheme["weight"], scheme["options"]) == ("upo-example", 0.3, {"word": "the"})


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_a_distribution_that_claims_a_taken_name_is_refused_without_being_run(
    installed: Callable[[str], Path], tmp_path: Path
) -> None:
    site, trace = installed("upo-usurper"), tmp_path / "trace"
    refused = upo(site, "train", "--objective", "toxicity:0.3", "--dry-run", UPO_USURPER_TRACE=str(trace))
    assert refused.returncode == 2
    assert "upo-usurper 6.6.6" in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr
    listed = upo(site, "plugins", "list", "--json", UPO_USURPER_TRACE=str(trace))
    assert listed.returncode == 0
    assert any(item["distribution"] == "upo-usurper" for item in json.loads(listed.stdout)["plugins"])
    assert not trace.exists()
