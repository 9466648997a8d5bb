"""Writes ``README.md``: base model, data, objectives, measured effect, limits, use and reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from upo_sdk.atomic_file import write_atomically
from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.publish.card_tables import comparison_table, eval_results, evaluation_table, objective_table
from upo_sdk.records import EvaluationRecord, RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from huggingface_hub import ModelCardData

    from upo_sdk.records import Chat

__all__ = ["CARD_FILE", "call", "model_card", "refresh_card", "without_local_paths"]

CARD_FILE = "README.md"

_START = "<!-- evaluation: `upo eval` rewrites what stands between these two comments -->"
_END = "<!-- end of evaluation -->"
_SOFTWARE = ("python", "torch", "transformers", "accelerate", "datasets")
_TEMPLATE = Path(__file__).with_name("card.md.j2")


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
        library_name="peft" if run.adapter else "transformers",
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


def without_local_paths(folder: Path) -> Callable[[str], str]:
    """Return a function that writes every absolute path of the run's configuration as its last part.

    What remains of the home directory becomes ``~``.
    """
    path = folder / RESOLVED_CONFIG
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = {text for text in (*_texts(config), str(folder.absolute())) if Path(text).is_absolute() and Path(text).name}
    names = {text: Path(text).name for text in sorted(found, key=len, reverse=True)}
    home = str(Path.home())

    def replace_paths(text: str) -> str:
        for local, name in names.items():
            text = text.replace(local, name)
        return text.replace(home, "~") if home != Path(home).anchor else text

    return replace_paths


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _texts(item)


_NAMED = ("tools", "documents")


def call(chat: Chat | None, *, generate: str = "generate", max_new_tokens: int = 64) -> str:
    """Return the Python expression for the text of an answer.

    Args:
        chat: What the conversations of the data share; None if the data are plain texts.
        generate: What the pipeline is called.
        max_new_tokens: Of the answer.
    """
    if chat is None:
        prompt = '"Hello"'
        return f'{generate}({prompt}, max_new_tokens={max_new_tokens}, return_full_text=False)[0]["generated_text"]'
    messages = [{"role": "user", "content": "Hello"}]
    if chat.system is not None:
        messages.insert(0, {"role": "system", "content": chat.system})
    written = f"{_literal(messages)}, max_new_tokens={max_new_tokens}{_arguments(chat.template_inputs)}"
    return f'{generate}({written})[0]["generated_text"][-1]["content"]'


def _arguments(inputs: Mapping[str, Any]) -> str:
    named = "".join(f", {name}={_literal(inputs[name])}" for name in _NAMED if inputs.get(name) is not None)
    others = {name: value for name, value in inputs.items() if name not in _NAMED}
    return named + (f", tokenizer_encode_kwargs={_literal(others)}" if others else "")


def _literal(value: Any) -> str:
    """Return a value as Python, with double quotes where that reads as well."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    plain = isinstance(value, str) and '"' not in value and repr(value) == f"'{value}'"
    return f'"{value}"' if plain else repr(value)
