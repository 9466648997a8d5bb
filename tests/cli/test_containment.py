"""A third-party objective misbehaves during ``upo train``: it is named, the run ends cleanly, nothing is lost."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Ended, Installer, Upo

pytestmark = pytest.mark.usefixtures("no_report")

_PLUGIN = """
import sys, threading
from upo_sdk.objectives import Needs, PreferenceLoss
from upo_sdk.plugin import ObjectiveSpec, hookimpl

@hookimpl
def upo_register_objectives():
    return [
        ObjectiveSpec(name="odd", kind="auxiliary", target="acme_odd:Odd"),
        ObjectiveSpec(name="odd-loss", kind="preference", target="acme_odd:OddLoss"),
    ]

class Base:
    def setup(self, device): pass
    def close(self): pass

class Odd(Base):
    needs = Needs()
    def rewards(self, completions):
        BODY

def broken(prompt, response):
    raise ValueError("oops")

class OddLoss(Base):
    needs = Needs(pairs=True)
    def loss(self, batch):
        loss = -batch.pair_difference_B(batch.policy.sum_N())
        LOSS
"""


@pytest.fixture
def train(
    upo: Upo,
    install: Installer,
    monkeypatch: pytest.MonkeyPatch,
    model_folder: Callable[[str], Path],
    pairs_file: Path,
    tmp_path: Path,
) -> Callable[..., Ended]:
    """Return a function that trains two steps; a test gives the bodies of the plugin's methods."""

    def run(*more: str, body: str = "return [0.5 for _ in completions]", loss: str = "return 1") -> Ended:
        if not install.site.exists():
            install("acme-odd", _PLUGIN.replace("BODY", body).replace("LOSS", loss))
        monkeypatch.syspath_prepend(str(install.site))
        monkeypatch.delitem(sys.modules, "acme_odd", raising=False)
        basics = ["--model", str(model_folder("llama")), "--data", str(pairs_file), "--max_steps", "2"]
        return upo("train", *basics, "--output_dir", str(tmp_path / "run"), *more)

    return run


def manifest(folder: Path) -> Any:
    return json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("raise ValueError('oops')", "raised ValueError while it scored"),
        ("return [1.0]", "returned 1 rewards for"),
        ("return [float('nan') for _ in completions]", "returned nan"),
        ("return 'good'", "returned something that is not a list of numbers: 'good'"),
        ("return None", "returned something that is not a list of numbers: None"),
        ("threading.Event().wait(60)", "was not done after 1.5 seconds"),
        ("sys.exit(0)", "called sys.exit(0)"),
    ],
)
def test_a_scorer_that_fails_is_named_and_the_run_is_refused(
    train: Callable[..., Ended], tmp_path: Path, body: str, complaint: str
) -> None:
    ended = train("-o", "odd:0.3", "--set", "plugins.timeout=1.5", body=body)
    assert ended.code == 2
    assert f"the objective 'odd' {complaint}" in ended.err
    assert "acme_odd:Odd of acme-odd 1.0" in ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "run").exists()


def test_a_scorer_that_fails_is_left_out_where_that_is_asked_for(train: Callable[..., Ended], tmp_path: Path) -> None:
    chosen = ["-o", "dpo", "-o", "odd:0.3", "-o", "length:0.1,target=8"]
    ended = train(*chosen, "--set", "plugins.on_failure=skip", body="sys.exit('bye')")
    assert ended.code == 0, ended.err
    assert "warning: 'odd' of acme-odd 1.0 failed and is left out of this run" in ended.err
    assert [item["label"] for item in manifest(tmp_path)["objectives"]] == ["dpo", "length"]
    (skipped,) = manifest(tmp_path)["skipped"]
    assert (skipped["label"], skipped["place"]) == ("odd", "acme_odd:Odd of acme-odd 1.0")
    assert "called sys.exit('bye')" in skipped["error"]


def test_what_was_scored_before_a_failure_is_kept(train: Callable[..., Ended], tmp_path: Path) -> None:
    log = tmp_path / "asked"
    body = f"import os; os.mkdir({str(log)!r}); return [0.5 for _ in completions]"  # a second call would raise
    for _ in range(2):
        refused = train("-o", "odd:0.2", "-o", "acme_odd:broken:0.1", body=body)
        assert "the objective 'acme_odd:broken' raised ValueError" in refused.err
        assert log.is_dir()


def test_prints_are_named_and_the_json_stays_clean(train: Callable[..., Ended]) -> None:
    body = (
        "print('scoring'); threading.Thread(target=print, args=('elsewhere',)).start(); return [0.5] * len(completions)"
    )
    ended = train("-o", "odd:0.3", "--json", body=body)
    assert ended.code == 0, ended.err
    assert ended.data["status"] == "completed"
    assert "warning: the objective 'odd' of acme-odd 1.0 prints, which is kept off stdout: 'scoring'" in ended.err


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        ("raise ValueError('oops')", "raised ValueError: oops"),
        ("return loss", "returned Tensor, not a PreferenceLoss"),
        ("return PreferenceLoss(loss.mean())", "returned a loss of shape []"),
        ("return PreferenceLoss(loss * float('nan'))", "made NaN or infinity from log-probabilities that were finite"),
        ("sys.exit(0)", "called sys.exit(0)"),
    ],
)
def test_a_loss_that_fails_ends_the_training_by_name(
    train: Callable[..., Ended], tmp_path: Path, loss: str, complaint: str
) -> None:
    ended = train("-o", "odd-loss", loss=loss)
    assert ended.code == 1
    assert f"the objective 'odd-loss' {complaint}" in ended.err
    assert "acme_odd:OddLoss of acme-odd 1.0" in ended.err
    assert "Traceback" not in ended.err
    assert manifest(tmp_path)["status"] == "failed"
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_scorer_that_fails_on_the_answers_after_training_costs_the_comparison_alone(
    train: Callable[..., Ended], tmp_path: Path
) -> None:
    trained = str(tmp_path / "run" / "model.safetensors")
    body = f"import os; return [0.5 / (not os.path.exists({trained!r})) for _ in completions]"
    ended = train("-o", "odd:0.3", "--eval_prompts", "2", "--learning_rate", "0.1", body=body)
    assert ended.code == 0, ended.err
    assert "warning: the answers are not compared: the objective 'odd' raised ZeroDivisionError" in ended.err
    assert manifest(tmp_path)["status"] == "completed"


def test_the_manifest_records_every_plugin_that_was_used(train: Callable[..., Ended], tmp_path: Path) -> None:
    assert train("-o", "dpo,beta=0.2", "-o", "odd:0.3").code == 0
    dpo, odd = manifest(tmp_path)["objectives"]
    assert (odd["distribution"], odd["version"], odd["target"]) == ("acme-odd", "1.0", "acme_odd:Odd")
    assert len(odd["code_sha256"]) == 64
    assert (dpo["distribution"], dpo["options"]["beta"]) == ("upo-sdk", 0.2)
