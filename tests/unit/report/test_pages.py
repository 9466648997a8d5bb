"""What every page must be, whatever is in the folder: one file, no script, no address, readable without seeing it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.errors import DataError, OutputError
from upo_sdk.records import Estimate, Metric, ParetoAxis, PointFailure, SweepAxis, SweepPoint, SweepRecord, SweepRow
from upo_sdk.report import write_report
from upo_sdk.report.write import ERROR_FILE, write_report_or_warn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import MakeRun, Page

    ReadPage = Callable[[Path], Page]

MEGABYTE = 2**20
NASTY = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\n</div>\u202e{{ 7 * 7 }}"


def metric(mean: float, better: str = "higher") -> Metric:
    return Metric.model_validate(
        {"value": Estimate(mean=mean, low=mean - 0.1, high=mean + 0.1, count=9), "better": better}
    )


def sweep(tmp_path: Path, *, metrics: tuple[str, ...] = ("accuracy", "toxicity"), **changes: Any) -> Path:
    folder = tmp_path / "a sweep"
    points, rows = [], []
    for place, (accuracy, toxicity) in enumerate(((0.8, 0.5), (0.7, 0.2), (0.6, 0.3))):
        name = f"toxicity=0.{place}"
        found = {"accuracy": metric(accuracy), "toxicity": metric(toxicity, "lower"), "variety": metric(0.5)}
        (folder / "points" / name).mkdir(parents=True, exist_ok=True)
        (folder / "points" / name / "report.html").touch()
        points.append(point(name, found))
        rows.append(
            SweepRow(name=name, values={"toxicity": f"0.{place}"}, points=(name,), metrics=found, pareto=place < 2)
        )
    failure = PointFailure(code="training", what=NASTY)
    points.append(point("toxicity=9", {}, status="failed", failure=failure))
    written = {
        "software": "0.1.0",
        "created": "2026-01-01",
        "axes": (SweepAxis(key="toxicity", values=("0.0", "0.1", "0.2")),),
        "pareto_axes": tuple(
            ParetoAxis(metric=name, better="lower" if name == "toxicity" else "higher") for name in metrics
        ),
        "points": tuple(points),
        "rows": tuple(rows),
        "baseline": {"toxicity": metric(0.5, "lower"), "accuracy": metric(0.5)},
        **changes,
    }
    (folder / "sweep.json").write_text(SweepRecord.model_validate(written).model_dump_json(), encoding="utf-8")
    return folder


def point(name: str, metrics: dict[str, Metric], **more: Any) -> SweepPoint:
    return SweepPoint.model_validate(
        {
            "name": name,
            "row": name,
            "folder": f"points/{name}",
            "values": {"toxicity": "0.1"},
            "objectives": (),
            "seed": 1,
            "command": f"upo train --objective {name} '<b>'",
            "config": {},
            "fingerprint": "f",
            "status": "done",
            "metrics": metrics,
            **more,
        }
    )


def check(page: Page) -> None:
    """Assert what holds of every page."""
    assert len(page.text.encode()) < 2 * MEGABYTE
    assert not page.all("script")
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    (policy,) = [found["content"] for found in page.all("meta") if "http-equiv" in found]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    named = [found[name] for _, found in page.tags for name in ("src", "href", "xlink:href", "action") if name in found]
    assert not [address for address in named if re.match(r"(?i)\s*([a-z]+:|//)", address) and address != "data:,"]
    assert "url(" not in page.text
    assert "@import" not in page.text
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.tags}
    assert all(found.get("scope") in {"row", "col"} for found in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    drawings = [found for found in page.all("div") if "drawing" in found.get("class", "")]
    assert len(drawings) == len(page.all("svg")) == len(page.all("figure"))
    assert all(found["aria-label"] for found in drawings)


def test_a_run_has_a_page_with_everything(make_run: MakeRun, read_page: ReadPage) -> None:
    page = read_page(write_report(make_run()))
    check(page)
    assert len(page.all("svg")) > 8
    for shown in ("upo train --objective toxicity:0.3", "c" * 64, "2.9.0+cpu", "a" * 16, "pip install upo-sdk==0.1.0"):
        assert shown in page.text, shown


def test_the_page_says_in_plain_words_what_the_weights_did(make_run: MakeRun, read_page: ReadPage) -> None:
    text = read_page(write_report(make_run())).text
    assert "toxicity:0.3 supplied 30\xa0% of the gradient when the auxiliary term started (step 20)" in text
    assert "30\xa0% at the end (step 30). At the end it pulled against the rest (cosine −0.20)." in text
    assert "γ is 1, as given" in text


def test_what_a_model_writes_is_data(make_run: MakeRun, read_page: ReadPage) -> None:
    nasty = [make_run.sample(before=NASTY, after=NASTY * 500)]
    page = read_page(write_report(make_run(samples=nasty, explanation=[NASTY], error=NASTY, command=NASTY)))
    check(page)
    assert not page.all("img")
    assert "&lt;script&gt;" in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_a_label_is_data_in_drawings_too(make_run: MakeRun, read_page: ReadPage) -> None:
    label = "<script>x</script>"
    rows = [{name.replace("toxicity", label): value for name, value in row.items()} for row in make_run.rows()]
    named = [make_run.objective("dpo", "preference", 1), make_run.objective(label, "auxiliary", 0.3)]
    effects = [make_run.compared(label, 0.5, 0.8, 0.1, 0.5)]
    samples = [make_run.sample(**{label: (0.1, 0.9)})]
    page = read_page(write_report(make_run(metrics=rows, objectives=named, rewards=effects, samples=samples)))
    check(page)
    assert "&lt;script&gt;x" in page.text


@pytest.mark.parametrize(
    ("without", "said"),
    {
        "samples": ({"samples": None, "rewards": None}, "No answers were sampled"),
        "distributions": ({"distributions": False}, "distributions.json is missing"),
        "metrics": ({"metrics": None}, "No training step was logged"),
        "auxiliary": ({"objectives": [], "held_out": [], "rewards": None}, "nothing to weigh against it"),
        "an end": ({"status": "cancelled", "samples": None}, "stopped after 30 steps"),
        "success": ({"status": "failed", "error": "the disk is full", "steps": 0}, "the disk is full"),
        "a command": ({"command": ""}, "The run was started from code"),
    }.values(),
)
def test_what_is_missing_is_said_in_one_sentence(
    make_run: MakeRun, read_page: ReadPage, without: dict[str, Any], said: str
) -> None:
    page = read_page(write_report(make_run(**without)))
    check(page)
    assert said in page.text


def test_one_logged_row_still_draws(make_run: MakeRun, read_page: ReadPage) -> None:
    page = read_page(write_report(make_run(metrics=make_run.rows()[1:2])))
    check(page)
    assert "Only one row was logged" in page.text


def test_a_run_of_which_nothing_but_the_record_is_left_has_a_report(make_run: MakeRun, read_page: ReadPage) -> None:
    check(read_page(write_report(make_run(samples=None, metrics=None, distributions=False))))


def test_many_long_answers_stay_below_the_limit(make_run: MakeRun, read_page: ReadPage) -> None:
    long = [make_run.sample(before="<&>" * 20_000, after="\n" * 60_000) for _ in range(200)]
    page = read_page(write_report(make_run(samples=long)))
    check(page)
    assert "more characters are in samples.jsonl" in page.text


def test_a_long_run_is_thinned_and_keeps_its_last_step(make_run: MakeRun, read_page: ReadPage) -> None:
    rows = [{**make_run.rows()[1], "step": step} for step in range(1, 5001)]
    page = read_page(write_report(make_run(metrics=rows)))
    check(page)
    assert "at step 5000" in page.text


def test_an_evaluation_in_the_folder_is_shown(make_run: MakeRun, read_page: ReadPage) -> None:
    folder = make_run()
    value = {"mean": 0.25, "low": 0.2, "high": 0.3, "count": 9}
    metrics = {"length/tokens": {"value": value, "baseline": value, "difference": None, "unit": "tokens"}}
    found = {**make_run.evaluation([]), "prompts": 9, "metrics": metrics, "notices": ["n"]}
    (folder / "eval.json").write_text(json.dumps(found), encoding="utf-8")
    page = read_page(write_report(folder))
    check(page)
    assert "length/tokens (tokens)" in page.text
    assert "0.25 (0.2 to 0.3)" in page.text


def test_a_sweep_has_a_page_whose_points_lead_to_their_cards_and_reports(tmp_path: Path, read_page: ReadPage) -> None:
    page = read_page(write_report(sweep(tmp_path)))
    check(page)
    points = [found for found in page.all("a") if "point" in found.get("class", "")]
    assert [found["href"] for found in points] == ["#row-0", "#row-1", "#row-2", "#row-3"]
    assert "accuracy 0.7, toxicity 0.2, Pareto-optimal" in points[2]["aria-label"]
    assert "points/toxicity%3D0.1/report.html" in page.links
    assert "upo train --objective toxicity=0.1 &#39;&lt;b&gt;&#39;" in page.text
    assert "2 of 3 rows are Pareto-optimal by accuracy and toxicity" in page.text
    assert "The best toxicity is 0.2, of row 2" in page.text


def test_three_metrics_have_a_plot_per_pair(tmp_path: Path, read_page: ReadPage) -> None:
    page = read_page(write_report(sweep(tmp_path, metrics=("toxicity", "accuracy", "variety"))))
    check(page)
    titles = re.findall(r"<h3>(\w+ against \w+)", page.text)
    assert titles == ["toxicity against accuracy", "variety against accuracy", "variety against toxicity"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": ()}, "No point has finished yet"),
        ({"pareto_axes": ()}, "A frontier needs two metrics"),
        ({"baseline": {}}, "The best accuracy is 0.8, of row 1 (toxicity=0.0)."),
    ],
)
def test_an_unfinished_sweep_has_a_page(
    tmp_path: Path, read_page: ReadPage, changes: dict[str, Any], said: str
) -> None:
    page = read_page(write_report(sweep(tmp_path, **changes)))
    check(page)
    assert said in page.text


def test_a_folder_of_neither_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="neither a run nor a sweep"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "samples.jsonl", "distributions.json"])
def test_a_damaged_file_is_named(make_run: MakeRun, name: str) -> None:
    folder = make_run()
    (folder / name).write_text('{"broken"', encoding="utf-8")
    with pytest.raises(DataError) as caught:
        write_report(folder)
    assert str(folder / name) in str(caught.value.where)


def test_a_cut_last_line_of_the_metrics_is_left_out(make_run: MakeRun, read_page: ReadPage) -> None:
    folder = make_run()
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 31, "loss": 0.')
    check(read_page(write_report(folder)))


def test_a_report_that_fails_leaves_the_run_and_its_traceback(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "samples.jsonl").write_text("broken", encoding="utf-8")
    told: list[str] = []
    write_report_or_warn(folder, told.append)
    assert len(told) == 1
    assert ERROR_FILE in told[0]
    assert "DataError" in (folder / ERROR_FILE).read_text(encoding="utf-8")
    (folder / "samples.jsonl").unlink()
    write_report(folder)
    assert not (folder / ERROR_FILE).exists()
