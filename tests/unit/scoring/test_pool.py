"""Scoring in several processes: the same rewards, the same errors, and nothing left running."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from upo_plugins.length.objective import Length, LengthOptions
from upo_plugins.lexical.objective import Lexical
from upo_plugins.lexical.options import LexicalOptions
from upo_plugins.toxicity.objective import Toxicity
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.cache import ContentCache
from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import Completion, Parallel
from upo_sdk.plugin.build import LiveObjective
from upo_sdk.scoring import pool as pool_module
from upo_sdk.scoring import score_completions

if TYPE_CHECKING:
    from pathlib import Path

COMPLETIONS = [Completion(f"p{n}", f"You are the {n % 97}th idiot who asks. " * (n % 7 + 1)) for n in range(400)]


def live(objective: Any, target: str) -> LiveObjective:
    objective.setup("cpu")
    return LiveObjective(
        ref=ObjectiveRef(name="tested"),
        label="tested",
        objective=objective,
        options=objective.options,
        distribution="upo-sdk",
        version="1",
        target=target,
        target_sha256="",
    )


def lexical() -> LiveObjective:
    return live(Lexical(LexicalOptions()), "upo_plugins.lexical.objective:Lexical")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Note the workers that are started."""
    found: list[subprocess.Popen[str]] = []
    start = pool_module._start
    monkeypatch.setattr(pool_module, "_start", lambda: found.append(start()) or found[-1])
    return found


def score(
    item: LiveObjective,
    folder: Path,
    workers: int,
    completions: list[Completion] = COMPLETIONS,
    alone_seconds: float = 0.0,
) -> Any:
    cache = ContentCache(folder / f"{workers}.sqlite")
    return score_completions(item, completions, cache, workers=workers, alone_seconds=alone_seconds).rewards


@pytest.mark.parametrize(
    "item",
    [
        lexical,
        lambda: live(Toxicity(ToxicityOptions(model="builtin")), "upo_plugins.toxicity.objective:Toxicity"),
    ],
)
def test_two_processes_give_the_rewards_of_one_to_the_last_bit(
    item: Any, tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    alone = score(item(), tmp_path, 1)
    assert not started
    objective = item()
    own: list[int] = []
    rewards = objective.objective.rewards
    objective.objective.rewards = lambda batch: own.append(len(batch)) or rewards(batch)
    assert np.array_equal(score(objective, tmp_path, 2), alone)
    assert own == [128, 128]  # the first two batches show how long the others would take
    assert [process.returncode for process in started] == [-9, -9]


@pytest.mark.parametrize(
    ("seconds", "processes"),
    [
        ([0.1, 0.1], 0),
        ([9.0, 0.1], 0),  # the first batch loads a word list
        ([9.0, 1.5], 2),
    ],
)
def test_processes_start_only_for_work_that_takes_long(
    seconds: list[float],
    processes: int,
    tmp_path: Path,
    started: list[subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([0.0, seconds[0], 20.0, 20.0 + seconds[1], *range(40, 60)])
    monkeypatch.setattr("upo_sdk.scoring.score.perf_counter", lambda: next(times))
    assert len(score(lexical(), tmp_path, 2, alone_seconds=2.0)) == 400  # in four batches
    assert len(started) == processes


def test_a_fault_in_a_worker_is_met_again_here_and_names_the_objective(
    tmp_path: Path, started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    item = live(Length(LengthOptions(target=5, unit="tokens")), "upo_plugins.length.objective:Length")
    monkeypatch.setattr(Length, "parallel", True, raising=False)
    counted = [Completion("p", "r" * 600, token_count=n) for n in range(300)]
    with pytest.raises(ObjectiveFailedError, match="without its number of tokens"):
        score(item, tmp_path, 2, [*counted, Completion("p", "r")])
    assert [process.returncode for process in started] == [-9, -9]


def test_a_worker_that_dies_leaves_its_work_to_this_process(
    tmp_path: Path, started: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = score(lexical(), tmp_path, 1)
    monkeypatch.setattr(pool_module, "_START", "raise SystemExit")
    assert np.array_equal(score(lexical(), tmp_path, 2), alone)
    assert len(started) == 2


def test_a_copy_with_another_fingerprint_is_not_used(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    item = lexical()
    item.objective.fingerprint = lambda: {"textstat": "another"}  # type: ignore[attr-defined]
    own: list[int] = []
    rewards = item.auxiliary.rewards
    item.objective.rewards = lambda batch: own.append(len(batch)) or rewards(batch)  # type: ignore[attr-defined]
    score(item, tmp_path, 2)
    assert started
    assert sum(own) == 400


def test_an_interrupt_ends_the_workers(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    def interrupt(done: int, _total: int) -> None:
        if done > 256:
            raise KeyboardInterrupt

    cache = ContentCache(tmp_path / "c.sqlite")
    with pytest.raises(KeyboardInterrupt):
        score_completions(lexical(), COMPLETIONS, cache, workers=2, alone_seconds=0.0, on_progress=interrupt)
    assert [process.returncode for process in started] == [-9, -9]


def test_what_holds_a_model_or_was_fitted_is_not_parallel() -> None:
    assert not Toxicity(ToxicityOptions(model="some/model")).parallel
    assert not Lexical(LexicalOptions(metric="rare_words")).parallel
    assert not isinstance(Length(LengthOptions(target=5)), Parallel)  # quicker than sending the texts


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"""
print("script runs")
from pathlib import Path
from upo_sdk.cache import ContentCache
from upo_sdk.objectives import Completion
from upo_sdk.scoring import score_completions
from upo_plugins.lexical.objective import Lexical
from upo_plugins.lexical.options import LexicalOptions
from upo_sdk.plugin.build import LiveObjective
from upo_sdk.config import ObjectiveRef
live = LiveObjective(ref=ObjectiveRef(name="lexical"), label="lexical", objective=Lexical(LexicalOptions()),
    options=LexicalOptions(), distribution="", version="", target_sha256="",
    target="upo_plugins.lexical.objective:Lexical")
texts = [Completion("p", f"Some words, {{n}} of them.") for n in range(300)]
cache = ContentCache(Path({str(tmp_path / "c.sqlite")!r}))
print(len(score_completions(live, texts, cache, workers=2, alone_seconds=0.0).rewards))
"""
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split("\n") == ["script runs", "300", ""]
