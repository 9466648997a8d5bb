from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from upo_cli.sweep_view import SilentSweep, SweepLines, SweepView
from upo_sdk.config import build_config
from upo_sdk.events import Notice
from upo_sdk.plugin.registry import load_registry
from upo_sdk.records import PointFailure, SweepPoint, SweepRecord
from upo_sdk.sweep import PointEnded, PointProgress, PointStarted, SweepConfig, SweepReady
from upo_sdk.sweep.points import make_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import Upo

GRID = ["-o", "toxicity:0,0.1,0.3", "-o", "dpo:beta=0.05,0.1"]

POINTS = make_grid(SweepConfig(base=build_config({}), objectives=("toxicity:0,0.1",)), load_registry()).points


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return a function that replaces the sweep by one that ends at once, and returns what it was asked for."""

    def replace(*statuses: str) -> list[Any]:
        asked = list[Any]()

        def sweep(config: Any, **_how: Any) -> SweepRecord:
            asked.append(config)
            points = make_grid(
                SweepConfig(base=build_config({}), objectives=("toxicity:0,0.1",)), load_registry()
            ).points
            return state(points, *statuses)

        monkeypatch.setattr("upo_sdk.sweep.sweep", sweep)
        monkeypatch.setattr("upo_sdk.sweep.resume_sweep", sweep)
        return asked

    return replace


def state(points: tuple[SweepPoint, ...], *statuses: Any) -> SweepRecord:
    failure = PointFailure(code="training", what="the loss is nan", where="step 3")
    ended = [
        point.model_copy(update={"status": status, "failure": failure if status == "failed" else None})
        for point, status in zip(points, statuses, strict=True)
    ]
    return SweepRecord(software="1", created="now", axes=(), points=tuple(ended))


def test_a_dry_run_shows_the_points_and_their_commands_and_writes_nothing(upo: Upo) -> None:
    ended = upo("sweep", *GRID, "--dry-run", "--max-steps", "4")
    assert ended.code == 0
    assert "6 points" in ended.out
    assert "toxicity=0.1,dpo.beta=0.05" in ended.out.splitlines()
    assert "--objective toxicity:0.1 --objective dpo:1,beta=0.05 --max_steps 4" in ended.out
    assert not Path("upo-sweep").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "nowhere", "--data", "none.jsonl"), "nowhere"),
        (("--sweep", "training.optim=adamw_torch,nonsense"), "nonsense"),
    ],
)
def test_a_dry_run_refuses_what_every_point_would_be_refused_for(upo: Upo, words: Sequence[str], said: str) -> None:
    ended = upo("sweep", "-o", "length:0,0.1,target=5", "-o", "dpo", *words, "--dry-run")
    assert ended.code == 2
    assert said in ended.err


def test_the_command_of_a_point_is_understood_by_upo_train_and_means_the_same(
    upo: Upo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upo_sdk.sweep.check_points", lambda *_: [])  # there is neither the model nor the data
    Path("base.yaml").write_text(
        "loss: {gamma: 0.7}\n"
        "model: {path: some/model, dropout: true, revision: null}\n"
        "data: {path: some data.jsonl, format: pairs}\n"
        "plugins: {timeout: 5.0}\n"
    )
    words = [
        "--set",
        "training.arguments.adam_beta2=0.95",
        "--learning_rate",
        "1e-6",
        "--bf16",
        "--block-plugin",
        "evil",
    ]
    varied = ["--sweep", "loss.lambda=3,5", "--seeds", "2"]
    shown = upo(
        "sweep",
        "-o",
        "length:0,0.1@step(3),target=3",
        "--base-config",
        "base.yaml",
        *words,
        *varied,
        "--dry-run",
        "--json",
    )
    assert len(shown.data["points"]) == 8
    from upo_cli.settings import UserSettings, resolve
    from upo_sdk.sweep import plan_sweep

    base = resolve(
        UserSettings(
            file=Path("base.yaml"),
            sets=["training.arguments.adam_beta2=0.95"],
            options={"training__learning_rate": "1e-6", "training__bf16": True},
            block_plugin=["evil"],
        )
    )
    planned = plan_sweep(
        SweepConfig(base=base, objectives=("length:0,0.1@step(3),target=3",), settings={"loss.lambda": [3, 5]}, seeds=2)
    )
    for point, printed in zip(planned.points, shown.data["points"], strict=True):
        assert point.command == printed["command"]
        assert resolved(point.command) == build_config(point.config, {"output_dir": f"rerun/{point.name}"})


def resolved(command: str) -> Any:
    """Return the configuration that ``upo train`` makes of a command."""
    import typer

    from upo_cli.main import build_app
    from upo_cli.settings import UserSettings, resolve

    train: Any = typer.main.get_command(build_app(load=["train"]))
    given = train.commands["train"].make_context("train", shlex.split(command)[2:]).params
    own = {"plugins", "block_plugin", "require_plugin", "preset"}
    return resolve(
        UserSettings(
            options=given,
            sets=given["set_"] or (),
            objectives=given["objective"] or (),
            **{name: given[name] for name in own},
        )
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["-o", "toxicity:0.3"], "no setting has several values"),
        ([], "no setting has several values"),
        (["-o", "toxicity:0,x"], "the weight 'x' is not a number"),
        (["-o", "toxicity:0,0.3@linear(0,9),0.1"], "some weights have @linear(0,9)"),
        (["-o", "toxcity:0,1"], "there is no objective 'toxcity'"),
        (["-o", "dpo:betta=1,2"], "'dpo' has no option 'betta'"),
        ([*GRID, "--jobs", "0"], "jobs is 0"),
        ([*GRID, "--seeds", "0"], "seeds is 0"),
        ([*GRID, "--random", "0"], "random is 0"),
        ([*GRID, "--sweep", "training.learning_rat=1,2"], "unknown key 'learning_rat'"),
        ([*GRID, "--sweep", "training.learning_rate"], "is not KEY=VALUE"),
        ([*GRID, "--sweep", "loss.gamma=1,2", "--sweep", "loss.gamma=3,4"], "'loss.gamma' is given twice"),
        ([*GRID, "--resume_from_checkpoint", "last"], "no such option: --resume_from_checkpoint"),
        (["--resume", "nowhere"], "there is no such folder"),
        (["--resume", "."], "the folder is not a sweep"),
        (["--resume", ".", "--seeds", "2"], "--seeds cannot be combined with --resume"),
        (["--resume", ".", "--max_steps", "2"], "--max_steps cannot be combined"),
        ([*GRID, "--output_dir", "full"], "holds something that is not a sweep"),
        ([*GRID, "--num_samples", "0"], "greater than or equal to 1"),
        ([*GRID, "--model", "./nowhere", "--data", "./nowhere"], "there is no such model folder"),
        (["-o", "toxicity:0,1", "--beta", "0.1,0.2"], "none of the given objectives has a beta"),
    ],
)
def test_what_cannot_be_swept_ends_with_2_and_says_why(upo: Upo, arguments: list[str], what: str) -> None:
    Path("full").mkdir()
    Path("full/thesis.txt").write_text("years of work")
    ended = upo("sweep", *arguments)
    assert (ended.code, what in ended.err) == (2, True), ended.err
    assert "fix:" in ended.err
    assert not Path("upo-sweep").exists()


def test_beta_may_vary_too(upo: Upo) -> None:
    shown = upo("sweep", "-o", "dpo", "-o", "toxicity:0.1", "--beta", "0.1,0.2", "--dry-run", "--json").data
    assert [point["name"] for point in shown["points"]] == ["dpo.beta=0.1", "dpo.beta=0.2"]


def test_the_exit_code_is_1_if_a_point_failed(upo: Upo, stand_in: Callable[..., list[Any]]) -> None:
    stand_in("done", "done")
    assert upo("sweep", *GRID).code == 0
    asked = stand_in("done", "failed")
    ended = upo("sweep", *GRID, "--jobs", "3", "--pareto", "accuracy, kl", "--output-dir", "out")
    assert ended.code == 1
    assert "failed: toxicity=0.1: the loss is nan" in ended.out
    assert (asked[0].jobs, asked[0].pareto, asked[0].output_dir) == (3, ("accuracy", "kl"), Path("out"))


def test_the_result_as_json_is_the_state(upo: Upo, stand_in: Callable[..., list[Any]]) -> None:
    stand_in("done", "failed")
    ended = upo("sweep", *GRID, "--json")
    assert (ended.code, ended.err) == (1, "")
    assert SweepRecord.model_validate(ended.data).points[1].status == "failed"
    assert upo("sweep", "--resume", "there", "--json").data == json.loads(ended.out)


def test_without_a_terminal_the_way_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    points = POINTS
    with SweepView() as view:
        view.on_event(SweepReady(state(points, "done", "pending")))
        view.on_event(PointStarted("toxicity=0.1"))
        view.on_event(PointProgress("toxicity=0.1", "preparing", "scoring", 3, 9))
        view.on_event(PointProgress("toxicity=0.1", "preparing", "scoring", 9, 9))
        view.on_event(PointProgress("toxicity=0.1", "training", "training", 10, 20))
        view.on_event(PointProgress("toxicity=0.1", "waiting", "", 0, 0))
        view.on_event(PointProgress("toxicity=0.1", "evaluating", "", 0, 0))
        ended = state(points, "done", "failed")
        view.on_event(PointEnded(ended.points[1], ended))
    assert capsys.readouterr().err.splitlines() == [
        "2 points, 1 of them done already",
        "toxicity=0.1: started",
        "toxicity=0.1: preparing",
        "toxicity=0.1: training 10/20",
        "toxicity=0.1: evaluating",
        "warning: toxicity=0.1: failed: the loss is nan (step 3) (1/2 points)",
    ]


def test_a_sweep_writes_a_json_line_per_event(upo: Upo, monkeypatch: pytest.MonkeyPatch) -> None:
    points = POINTS
    ended = state(points, "done", "failed")

    def sweep(_config: Any, *, callbacks: Any, **_how: Any) -> SweepRecord:
        (view,) = callbacks
        view.on_event(SweepReady(state(points, "done", "pending")))
        view.on_event(PointStarted("toxicity=0.1"))
        for done in (1, 2, 3):
            view.on_event(PointProgress("toxicity=0.1", "preparing", "scoring", done, 3))
        view.on_event(Notice("warning", "a danger"))
        view.on_event(PointEnded(ended.points[1], ended))
        return ended

    monkeypatch.setattr("upo_sdk.sweep.sweep", sweep)
    said = upo("sweep", *GRID, "--log-format", "jsonl", "--json")
    assert (said.code, said.data["points"][1]["status"]) == (1, "failed")
    ready, started, first, last, notice, end = (json.loads(line) for line in said.err.splitlines())
    assert [(point["name"], point["status"]) for point in ready["points"]] == [
        ("toxicity=0", "done"),
        ("toxicity=0.1", "pending"),
    ]
    assert (started["event"], started["name"]) == ("point_started", "toxicity=0.1")
    assert (first["event"], first["phase"], first["task"]) == ("point_progress", "preparing", "scoring")
    assert [line["done"] for line in (first, last)] == [1, 3]
    assert (notice["event"], notice["text"]) == ("notice", "a danger")
    assert (end["event"], end["status"], end["failure"]["what"]) == ("point_ended", "failed", "the loss is nan")
    assert all("time" in line for line in (ready, started, first, last, notice, end))


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [(["auto", "--quiet"], SilentSweep), (["plain"], SweepView), (["rich"], SweepView), (["jsonl", "-q"], SweepLines)],
    ids=str,
)
def test_the_way_is_told_as_asked_for(
    upo: Upo, monkeypatch: pytest.MonkeyPatch, arguments: list[str], shown: type
) -> None:
    views = list[Any]()

    def resume(_folder: Path, *, callbacks: Any, **_how: Any) -> SweepRecord:
        views.extend(callbacks)
        return state(())

    monkeypatch.setattr("upo_sdk.sweep.resume_sweep", resume)
    assert upo("sweep", "--resume", "there", "--log_format", *arguments).code == 0
    assert [type(view) for view in views] == [shown]


def test_on_a_terminal_there_are_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    points = POINTS
    with SweepView() as view:
        view.on_event(SweepReady(state(points, "pending", "pending")))
        view.on_event(PointStarted("toxicity=0"))
        view.on_event(PointProgress("toxicity=0", "training", "training", 10, 20))
        view._bars.refresh()
        ended = state(points, "done", "pending")
        view.on_event(PointEnded(ended.points[0], ended))
    shown = capsys.readouterr().err
    assert "toxicity=0: training" in shown
    assert "10/20" in shown
    assert "0/2" in shown
