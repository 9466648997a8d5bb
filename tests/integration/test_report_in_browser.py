"""The report in a real browser: quiet, closed, readable at every width, and deaf to what a model writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from upo_sdk.records import Estimate, Metric, ParetoAxis, SweepPoint, SweepRecord, SweepRow
from upo_sdk.report import write_report

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,  # playwright talks to the browser over a socket of this machine
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]

PLANTED = "<script>document.title = 'owned'</script><img src='nowhere.png' onerror=\"document.title = 'owned'\">"
WIDTHS = (360, 900, 1600)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, stand_in: str) -> Path:
    """Return a real run of the demo, whose model then wrote a script."""
    folder = tmp_path_factory.mktemp("run") / "demo"
    options = ["--max_steps", "4", "--gate_steps", "2", "--logging_steps", "1", "--eval_prompts", "8", "--quiet"]
    objectives = ["--objective", "toxicity:0.3", "--objective", "length:0,target=12"]
    command = [stand_in, "-m", "upo_cli", "train", *objectives, *options, "--output_dir", str(folder)]
    variables = {"UPO_CACHE_DIR": str(folder.parent / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env={**os.environ, **variables}, capture_output=True)
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    samples[0] |= {"prompt": PLANTED, "baseline": PLANTED, "model": PLANTED}
    (folder / "samples.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in samples), encoding="utf-8")
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def sweep_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    names = ("toxicity=0", "toxicity=0.3")
    metrics = [_metrics(0.8, 0.5), _metrics(0.7, 0.2)]
    points = [
        SweepPoint(
            name=name,
            row=name,
            folder=f"points/{name}",
            values={},
            objectives=(),
            seed=1,
            command=f"upo train --objective {name}",
            config={},
            fingerprint="f",
            status="done",
        )
        for name in names
    ]
    rows = [
        SweepRow(name=name, values={}, points=(name,), metrics=found, pareto=True)
        for name, found in zip(names, metrics, strict=True)
    ]
    axes = (ParetoAxis(metric="accuracy", better="higher"), ParetoAxis(metric="toxicity", better="lower"))
    sweep = SweepRecord(software="0", created="", axes=(), pareto_axes=axes, points=tuple(points), rows=tuple(rows))
    (folder / "sweep.json").write_text(sweep.model_dump_json(), encoding="utf-8")
    write_report(folder)
    return folder


def _metrics(accuracy: float, toxicity: float) -> dict[str, Metric]:
    found = {"accuracy": accuracy, "toxicity": toxicity}
    return {
        name: Metric(value=Estimate(mean=value, low=value - 0.1, high=value + 0.1, count=9))
        for name, value in found.items()
    }


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """Return a page that must neither complain nor load anything but the file itself."""
    opened = browser.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda request: complaints.append(request.url))
    requested: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    yield opened
    opened.close()
    assert complaints == []
    assert [url for url in requested if not url.startswith("data:")] == requested[:1]
    assert requested[0].startswith("file:")


def open_report(page: Page, folder: Path, width: int = 900, *, dark: bool = False) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto((folder / "report.html").as_uri())


def test_charts_are_drawn_and_seen(page: Page, run_folder: Path) -> None:
    open_report(page, run_folder)
    sizes = page.eval_on_selector_all("svg", "all => all.map(svg => svg.getBoundingClientRect().height)")
    assert len(sizes) > 8
    assert min(sizes) > 60
    strokes = page.eval_on_selector_all("svg .mark-line path", "all => all.map(path => getComputedStyle(path).stroke)")
    assert strokes
    assert "none" not in strokes


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_as_wide_as_the_window(
    page: Page, run_folder: Path, sweep_folder: Path, width: int, *, dark: bool
) -> None:
    page.goto((run_folder / "report.html").as_uri())
    for folder in (run_folder, sweep_folder):
        page.set_content((folder / "report.html").read_text(encoding="utf-8"))
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if dark else "light")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)"
        )


def test_what_a_model_wrote_is_shown_and_does_not_run(page: Page, run_folder: Path) -> None:
    open_report(page, run_folder)
    assert page.title() == "demo · UPO report"
    assert page.locator("script, img").count() == 0
    assert page.locator(".sample").first.locator(".after .text").inner_text() == PLANTED


def test_hovering_over_a_point_shows_its_command(page: Page, sweep_folder: Path) -> None:
    open_report(page, sweep_folder)
    card = page.locator("#row-2")
    assert not card.is_visible()
    page.hover(".point.p-2 path")
    assert card.is_visible()
    assert "upo train --objective toxicity=0.3" in card.inner_text()
    page.hover("h1")
    assert not card.is_visible()


def test_the_number_of_a_row_shows_its_card_where_points_cover_each_other(page: Page, sweep_folder: Path) -> None:
    open_report(page, sweep_folder)
    page.hover(".chip.p-1")
    assert page.locator("#row-1").is_visible()
    assert not page.locator("#row-2").is_visible()


def test_a_point_reached_with_the_keyboard_shows_its_card_and_enter_keeps_it(page: Page, sweep_folder: Path) -> None:
    open_report(page, sweep_folder)
    page.locator(".point.p-1").focus()
    page.keyboard.press("Tab")
    card = page.locator("#row-2")
    assert card.is_visible()
    page.keyboard.press("Enter")
    page.hover("h1")
    assert card.is_visible()
    assert not page.locator(".hint").is_visible()


def test_the_first_tab_leads_past_the_navigation(page: Page, run_folder: Path) -> None:
    open_report(page, run_folder)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_print_shows_every_card_and_no_navigation(page: Page, sweep_folder: Path) -> None:
    open_report(page, sweep_folder)
    page.emulate_media(media="print")
    assert not any(found.is_visible() for found in page.locator("nav").all())
    assert page.locator("#row-1").is_visible()
    assert page.locator("#row-2").is_visible()
