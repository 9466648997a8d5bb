"""Writes ``README.md``: base model, data, objectives, measured effect, limits, use and reproduction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.atomic_file import write_atomically
from upo_sdk.publish.card.results import comparison_table, eval_results, evaluation_table, objective_table
from upo_sdk.publish.card.usage import call
from upo_sdk.publish.local_paths import without_local_paths
from upo_sdk.records import EvaluationRecord, RunRecord

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData


__all__ = ["CARD_FILE", "model_card", "refresh_card"]

CARD_FILE = "README.md"

_START = "<!-- evaluation: `upo eval` rewrites what stands between these two comments -->"
_END = "<!-- end of evaluation -->"
_SOFTWARE = ("python", "torch", "transformers", "accelerate", "datasets")
_TEMPLATE = Path(__file__).with_name("template.md.j2")


def model_card(folder: Path) -> str:
    """Return the card of a run that ended, from ``run.json`` and, if there is one, ``eval.json``.

    It names no path of the machine: a local base model or data file goes by its name.

    Raises:
        OutputError: The folder is not that of a run.
        DataError: A file in it is damaged.
    """
    from huggingface_hub import ModelCard

    run, evaluation = RunRecord.load(folder), EvaluationRecord.find(folder)
    card: ModelCard = ModelCard.from_template(
        _data(run, evaluation, folder.resolve().name),
        template_str=_TEMPLATE.read_text(encoding="utf-8"),
        run=run,
        name=folder.resolve().name,
        base=_base(run),
        call=call(run.data.called_with),
        objectives=objective_table(run),
        evaluation=_evaluation(run, evaluation),
        start=_START,
        end=_END,
        software=", ".join(f"{name} {run.software[name]}" for name in _SOFTWARE if name in run.software),
    )
    return without_local_paths(folder)(str(card.content)) + "\n"


def refresh_card(folder: Path) -> Path | None:
    """Bring the evaluation in the card of a run up to date with ``eval.json``; all else in it stays as it is.

    Returns:
        The card; None if its section was taken out by hand, and then nothing is written.

    Raises:
        OutputError: The folder is not that of a run.
        DataError: A file in it is damaged.
    """
    from huggingface_hub import ModelCard

    path, run, evaluation = folder / CARD_FILE, RunRecord.load(folder), EvaluationRecord.find(folder)
    if not path.is_file():
        write_atomically(path, model_card(folder))
        return path
    card = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True)
    before, start, rest = card.text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        return None
    section = without_local_paths(folder)(_evaluation(run, evaluation))
    card.text = f"{before}{start}\n\n{section}\n\n{end}{after}"
    data: Any = card.data
    data.model_name = data.model_name or folder.resolve().name
    data.eval_results = eval_results(run, evaluation)
    write_atomically(path, str(card.content))
    return path


def _data(run: RunRecord, evaluation: EvaluationRecord | None, name: str) -> ModelCardData:
    from huggingface_hub import ModelCardData

    base, data = run.model.known_as, run.data.origin
    names = sorted({item.objective.partition(":")[0].partition(",")[0] for item in run.objectives})
    licence: dict[str, Any] = {"license_name": base.license_name, "license_link": base.license_link}
    return ModelCardData(
        base_model=base.hub_id,
        datasets=[data.hub_id] if data and data.hub_id else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        license=base.license,
        tags=["upo-sdk", "preference-optimization", *names],
        model_name=name,
        eval_results=eval_results(run, evaluation) or None,
        **{key: value for key, value in licence.items() if value},
    )


def _base(run: RunRecord) -> str:
    origin = run.model.known_as
    if origin.hub_id == origin.name:
        return f"[{origin.name}](https://huggingface.co/{origin.name})"
    return f"`{origin.name}`"


def _evaluation(run: RunRecord, evaluation: EvaluationRecord | None) -> str:
    parts = ["## Evaluation"]
    if evaluation:
        samples = f", {evaluation.num_samples} answers each" if evaluation.num_samples > 1 else ""
        where = f"{evaluation.prompts} prompts{samples}, seed {evaluation.seed}: {evaluation.data.description}"
        parts += [f"`upo eval` on {where}.", evaluation_table(evaluation)]
    elif run.evaluation:
        parts.append(comparison_table(run.evaluation))
    if run.explanation:
        parts.append("\n".join(f"- {sentence}" for sentence in run.explanation))
    return "\n\n".join(parts) if len(parts) > 1 else f"{parts[0]}\n\nNothing was measured."
