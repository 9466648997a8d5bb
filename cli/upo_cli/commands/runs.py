"""``upo runs list``, ``upo runs show`` and ``upo runs compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import Table, console, print_json, say
from upo_cli.shared import Json  # noqa: TC001 - Typer reads the annotations
from upo_sdk.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Estimate, FoundRun, Metric, RunRecord
    from upo_sdk.report.compare_runs import Comparison, MetricDifference

__all__ = ["app"]

_COLUMNS = ("folder", "status", "started", "steps", "objectives")

app = typer.Typer(name="runs", no_args_is_help=True)

Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)]


@app.command("list", cls=StrictCommand)
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Runs in it and below it.")] = Path(),
    *,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="A column, or a metric such as reward/toxicity; highest first.")
    ] = "folder",
    json: Json = False,
) -> None:
    """List the runs in a folder, with the mean reward of their answers after training."""
    from upo_sdk.records import find_runs

    if not folder.is_dir():
        raise ConfigError("there is no such folder", where=str(folder), fix="check the path")
    found = find_runs(folder)
    rows = [_row(item, folder) for item in found]
    rows = _sorted(rows, sort)
    if json:
        print_json({"runs": rows})
        return
    if not rows:
        console().print(f"no run in {folder}", markup=False)
        return
    metrics = list(dict.fromkeys(name for row in rows for name in row["rewards"]))
    cells = [[*(str(row[name]) for name in _COLUMNS), *(_reward(row, name) for name in metrics)] for row in rows]
    console().print(Table(*_COLUMNS, *metrics, rows=cells))


@app.command(cls=StrictCommand)
def show(run: Run, *, json: Json = False) -> None:
    """Show one run: what it was made of, and what it changed."""
    from upo_sdk.records import load_run

    found = load_run(run)
    if json:
        print_json(found.as_data())
        return
    out = console()
    out.print(Table("", "", rows=_facts(found)))
    if found.evaluation:
        rows = [[name, *_cells(metric)] for name, metric in found.evaluation.metrics.items()]
        out.print()
        out.print(Table("metric", "before", "after", "change, 95 % interval", rows=rows))
    out.print()
    for sentence in found.explanation:
        say(sentence)


@app.command(cls=StrictCommand)
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Folders of runs; all are compared with the first.")
    ],
    *,
    json: Json = False,
) -> None:
    """Compare runs: the settings that differ, and the results with intervals."""
    from upo_sdk.report.compare_runs import compare_runs

    if len(runs) < 2:  # noqa: PLR2004 - one run has nothing to be compared with
        raise ConfigError("there is only one run", where="upo runs compare", fix="name two runs or more")
    found = compare_runs(runs)
    if json:
        print_json(_compared_as_data(found))
        return
    names = [str(run.output_dir) for run in found.runs]
    out = console()
    settings = [[key, *map(_text, values)] for key, values in found.settings.items()]
    out.print(Table("setting", *names, rows=settings) if settings else "the settings are the same", soft_wrap=True)
    out.print()
    if not found.metrics:
        out.print("no result is in all of them: train with --eval_prompts 64", markup=False)
        return
    out.print(Table("metric", *names, rows=[[name, *_beside(item)] for name, item in found.metrics.items()]))
    out.print("\nbehind each value: the difference to the first run with its 95 % interval, paired by prompt")
    out.print("* more than chance, from 10 prompts on", markup=False)


def _row(item: FoundRun, base: Path) -> dict[str, Any]:
    run, folder = item.run, item.folder
    name = str(folder.relative_to(base)) if folder.is_relative_to(base) else str(folder)
    if run is None:
        return {
            "folder": name,
            "status": "damaged",
            "started": "",
            "steps": 0,
            "objectives": item.problem,
            "rewards": {},
        }
    rewards = run.evaluation.rewards if run.evaluation else {}
    return {
        "folder": name,
        "status": run.status,
        "started": run.started[:16].replace("T", " "),
        "steps": run.steps,
        "objectives": " ".join(objective.objective for objective in run.objectives),
        "rewards": {
            f"reward/{label}": {"mean": metric.value.mean, "direction": metric.direction}
            for label, metric in rewards.items()
        },
    }


def _sorted(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    if key in _COLUMNS:
        return sorted(rows, key=lambda row: row[key], reverse=key in {"steps", "started"})
    known = dict.fromkeys(name for row in rows for name in row["rewards"])
    if key not in known:
        fix = did_you_mean(key, [*_COLUMNS, *known]) or f"sort by one of {', '.join([*_COLUMNS, *known])}"
        raise ConfigError(f"there is no column '{key}'", where="--sort", fix=fix)
    return sorted(rows, key=lambda row: -row["rewards"][key]["mean"] if key in row["rewards"] else float("inf"))


def _reward(row: Mapping[str, Any], name: str) -> str:
    found = row["rewards"].get(name)
    return f"{found['mean']:.3f} {found['direction']}" if found else ""


def _facts(run: RunRecord) -> list[list[str]]:
    facts = {
        "folder": run.output_dir,
        "status": f"{run.status}{f': {run.error}' if run.error else ''}, {run.steps:,} steps",
        "started": run.started,
        "finished": run.finished or "",
        "model": run.model.path,
        "data": run.data.description,
        "objectives": " ".join(item.objective for item in (*run.objectives, *run.held_out)),
        "seed": run.seed,
        "checkpoint": run.checkpoint or "",
        "command": run.command,
    }
    return [[name, str(value)] for name, value in facts.items() if value != ""]


def _cells(metric: Metric) -> list[str]:
    return [_number(metric.baseline), _number(metric.value), _signed(metric.difference)]


def _beside(items: Sequence[MetricDifference]) -> list[str]:
    first, *others = items
    cells = [_number(first.value)]
    for item in others:
        change = f" ({_signed(item.change)})" if item.change else ""
        cells.append(f"{_number(item.value)}{change}{' *' if item.differs else ''}")
    return cells


def _compared_as_data(found: Comparison) -> dict[str, Any]:
    return {
        "runs": [str(run.output_dir) for run in found.runs],
        "settings": found.settings,
        "metrics": {
            name: [
                {
                    "value": item.value.model_dump(),
                    "change": item.change.model_dump() if item.change else None,
                    "differs": item.differs,
                }
                for item in items
            ]
            for name, items in found.metrics.items()
        },
    }


def _number(estimate: Estimate | None) -> str:
    return f"{estimate.mean:.3g}" if estimate else ""


def _signed(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    interval = f", {estimate.interval[0]:+.3g} to {estimate.interval[1]:+.3g}" if estimate.interval else ""
    return f"{estimate.mean:+.3g}{interval}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
