"""Folders that 0.1.0 wrote are read; what is damaged or newer is one error that names it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from upo_sdk.errors import DataError, OutputError
from upo_sdk.publish.card import model_card
from upo_sdk.records import (
    DistributionsRecord,
    EvaluationRecord,
    FileRecord,
    MetricsRow,
    PairMargin,
    PointRecord,
    RunRecord,
    Sample,
    SweepRecord,
    find_runs,
    load_run,
)
from upo_sdk.report import write_report

OLD = Path(__file__).parents[2] / "fixtures" / "written_by_0_1_0"
FILES: dict[str, type[FileRecord]] = {
    "run/run.json": RunRecord,
    "run/eval.json": EvaluationRecord,
    "run/distributions.json": DistributionsRecord,
    "sweep/sweep.json": SweepRecord,
    "sweep/points/toxicity=0/point.json": PointRecord,
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def test_a_run_has_its_answers_as_an_evaluation_and_normalised_rewards_by_that_name(old: Path) -> None:
    run = load_run(old / "run")
    assert (run.status, run.steps, run.seed) == ("completed", 12, 42)
    assert [item.label for item in run.auxiliary] == ["toxicity", "short"]
    assert run.evaluation is not None
    assert list(run.evaluation.metrics) == ["reward/toxicity", "normalized_reward/short", "reward/lexical"]
    reward = run.evaluation.rewards["toxicity"]
    assert reward.baseline is not None
    assert reward.difference is not None
    assert (reward.baseline.mean, reward.value.mean) == (0.6683604378268301, 0.5870264709489965)
    assert reward.difference.interval == (-0.26245068313801456, 0.09978274938234741)
    assert reward.direction == "open"


def test_samples_have_their_rewards_as_they_entered_the_loss(old: Path) -> None:
    sample = Sample.load_lines(old / "run" / Sample.RUN_FILE)[0]
    assert sample.model == "Thanks for your note. You need to put in a new ink cartridge."
    assert sample.baseline is not None
    assert sample.baseline.startswith("Sorry for the wait.")
    assert (sample.tokens.baseline, sample.tokens.model) == (30, 15)
    assert sample.rewards == {}
    assert sample.normalized_rewards["short"].model == 0.8222511908250772


def test_every_other_file_is_read(old: Path) -> None:
    run = old / "run"
    assert EvaluationRecord.load(run).prompts == 12
    assert len(Sample.load_lines(run / Sample.EVALUATION_FILE)) == 12
    assert len(PairMargin.load_lines(run / PairMargin.FILE)) == 12
    assert [row.kind for row in MetricsRow.load_lines(run / MetricsRow.FILE)][-3:] == [
        "training",
        "held-out",
        "summary",
    ]
    assert [item.label for item in DistributionsRecord.load(run).rewards] == ["toxicity", "short"]
    sweep = SweepRecord.load(old / "sweep")
    point = PointRecord.load(old / "sweep" / sweep.points[0].folder)
    assert point.metrics.keys() == sweep.points[0].metrics.keys()
    assert point.baseline.keys() == sweep.baseline.keys()
    assert point.baseline["reward/toxicity"].value == sweep.baseline["reward/toxicity"].value


def test_reports_and_the_card_can_be_written_again(old: Path) -> None:
    assert "changed" in write_report(old / "run").read_text(encoding="utf-8")
    assert "toxicity=0.3" in write_report(old / "sweep").read_text(encoding="utf-8")
    assert "| `toxicity` |" in model_card(old / "run") or "`reward/toxicity`" in model_card(old / "run")


def test_a_record_that_is_written_in_todays_form_is_equal(old: Path, tmp_path: Path) -> None:
    for name, kind in FILES.items():
        found = kind.load((old / name).parent)
        found.save(tmp_path)
        again = kind.load(tmp_path)
        if isinstance(again, RunRecord):
            again = again.model_copy(update={"output_dir": old / "run"})
        assert again == found


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is not JSON"),
        (b'{"schema_version": 1, "seed"', "it is not JSON"),
        (b"[1]", "it holds no JSON object"),
        (b"\xff\xfe{}", "it is not JSON"),
        (b'{"schema_version": 99}', "written by a newer version of UPO SDK"),
        (b'{"schema_version": "two"}', "schema_version: 'two' is not a whole number"),
        (b"{}", "Field required"),
    ],
)
def test_a_damaged_or_newer_file_is_one_error_with_its_name(old: Path, name: str, content: bytes, said: str) -> None:
    (old / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        FILES[name].load((old / name).parent)
    assert said in caught.value.what
    assert caught.value.where == str(old / name)


def test_a_value_of_a_wrong_kind_is_named_by_its_place(old: Path) -> None:
    values: dict[str, Any] = json.loads((old / "run" / "run.json").read_text(encoding="utf-8"))
    values["objectives"][1]["weight"] = "heavy"
    (old / "run" / "run.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataError, match=r"objectives\.1\.weight: Input should be a valid number"):
        load_run(old / "run")


def test_a_folder_without_the_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for kind in FILES.values():
        assert kind.find(tmp_path) is None
        with pytest.raises(OutputError) as caught:
            kind.load(tmp_path)
        assert caught.value.fix


def test_only_the_last_line_of_a_file_that_grows_may_be_cut(old: Path) -> None:
    for name, kind in ((MetricsRow.FILE, MetricsRow), (Sample.RUN_FILE, Sample)):
        path = old / "run" / name
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole[:-20], encoding="utf-8")
        if kind is MetricsRow:
            assert len(MetricsRow.load_lines(path)) == len(whole.splitlines()) - 1
            path.write_bytes(whole.encode() + '{"step": 13, "objective/größe'.encode()[:-4])  # within a letter
            assert len(MetricsRow.load_lines(path)) == len(whole.splitlines())
        else:
            with pytest.raises(DataError, match="it is not JSON") as caught:
                Sample.load_lines(path)
            assert str(caught.value.where).endswith("line 12")


def test_runs_are_found_below_a_folder_and_a_damaged_one_does_not_hide_the_others(old: Path) -> None:
    (old / "run" / "checkpoint-3").mkdir()
    shutil.copy(old / "run" / "run.json", old / "run" / "checkpoint-3")
    (old / "sweep" / "points" / "toxicity=0" / "run.json").write_text("{", encoding="utf-8")
    found = find_runs(old)
    assert [str(item.folder.relative_to(old)) for item in found] == [
        "run",
        "sweep/points/toxicity=0",
        "sweep/points/toxicity=0.3",
    ]
    assert [item.run is None for item in found] == [False, True, False]
    assert "it is not JSON" in found[1].problem
