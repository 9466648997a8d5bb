"""Pushes what a run left in its folder to the hub, in one commit."""

from __future__ import annotations

import json
import shlex
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import yaml

from upo_sdk.config.files import RESOLVED_CONFIG, dump_yaml
from upo_sdk.errors import HubError, OutputError
from upo_sdk.events import Notice, Progress, emit
from upo_sdk.isolation import hidden_progress_bars
from upo_sdk.publish.card import CARD_FILE, without_local_paths
from upo_sdk.publish.hub import hub_errors
from upo_sdk.records import EvaluationRecord, MetricsRow, RunAdapter, RunRecord, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from upo_sdk.events import Callback

__all__ = ["push_after_run", "push_run", "require_finished"]

_MODEL = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.*",
    "merges.txt",
    "*.model",
    "chat_template.jinja",
)
_RECORDS = (
    CARD_FILE,
    RunRecord.FILE,
    RESOLVED_CONFIG,
    MetricsRow.FILE,
    "normalization.json",
    EvaluationRecord.FILE,
)
_PUSHING = ("push_to_hub", "hub_model_id", "hub_private_repo", "hub_samples")
_WITH_TEXTS = ("report.html", Sample.RUN_FILE)


def push_run(folder: Path, repository: str, *, samples: bool = False) -> str:
    """Push model, tokenizer, card and records; checkpoints and logs stay here.

    Paths of this machine are taken out of what is pushed.

    Args:
        folder: A run that ended.
        repository: ``owner/name``; it exists.
        samples: Push what shows texts of the data too: the report and the samples.

    Returns:
        The address of the model.

    Raises:
        OutputError: The folder is not that of a finished run.
        HubError: The hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    require_finished(folder)
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in _contents(folder, repository, samples=samples).items()
    ]
    with hub_errors(repository, "the model was not pushed"), hidden_progress_bars("huggingface_hub"):
        commit = HfApi().create_commit(repository, operations, commit_message="Add a model aligned with UPO SDK")
    return str(commit.repo_url)


def require_finished(folder: Path) -> None:
    """Return if the folder holds a finished run.

    Raises:
        OutputError: It does not.
    """
    if RunRecord.load(folder).status != "completed" or not any(folder.glob("*.safetensors")):
        raise OutputError(
            "the run is not finished, so there is no model to push",
            where=str(folder),
            fix="resume it: its `upo train` command with `resume_from_checkpoint=last`",
        )


def push_after_run(
    folder: Path, repository: str, callbacks: Sequence[Callback], *, samples: bool = False
) -> str | None:
    """Push a run that just ended; what goes wrong with it never loses the run."""
    emit(tuple(callbacks), Progress(f"pushing to {repository}", 0, 1, "commit"))
    try:
        address = push_run(folder, repository, samples=samples)
    except HubError as error:
        again = shlex.join(
            ("upo", "push", str(folder), "--hub_model_id", repository, *(("--hub_samples",) if samples else ()))
        )
        text = f"{error.what} ({error.fix}); the run is complete. To push it again: {again}"
        emit(tuple(callbacks), Notice("warning", text))
        return None
    emit(tuple(callbacks), Progress(f"pushing to {repository}", 1, 1, "commit"))
    return address


def _contents(folder: Path, repository: str, *, samples: bool) -> dict[str, Path | bytes]:
    """Return what is pushed, by name: files as they are, texts without the paths of this machine."""
    replace_paths = without_local_paths(folder)
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    texts = (*_RECORDS, RunAdapter.CONFIG, *(_WITH_TEXTS if samples else ()))
    known = RunRecord.load(folder).model.known_as
    changes: dict[str, Callable[[str], str]] = {
        RunAdapter.CONFIG: lambda text: _with_base(text, known.hub_id or known.name),
        CARD_FILE: lambda text: text.replace(f'"{folder.resolve().name}"', f'"{repository}"'),
        RESOLVED_CONFIG: _without_push,
        EvaluationRecord.FILE: (lambda text: text) if samples else _without_samples,
    }
    found: dict[str, Path | bytes] = {
        name: folder / name for name in names if any(fnmatch(name, pattern) for pattern in _MODEL)
    }
    for name in (name for name in texts if name in names):
        text = (folder / name).read_text(encoding="utf-8")
        found[name] = replace_paths(changes[name](text) if name in changes else text).encode()
    return found


def _with_base(text: str, name: str) -> str:
    """Name the model of an adapter as others know it, not by its folder on this machine."""
    return json.dumps({**json.loads(text), "base_model_name_or_path": name}, indent=2) + "\n"


def _without_push(text: str) -> str:
    """Take the hub's settings out of a configuration: who repeats the run does not push it again."""
    kept = {key: value for key, value in yaml.safe_load(text).items() if key not in _PUSHING}
    return dump_yaml(kept)


def _without_samples(text: str) -> str:
    evaluation: dict[str, Any] = json.loads(text)
    return json.dumps({**evaluation, "samples": []}, indent=2, ensure_ascii=False) + "\n"
