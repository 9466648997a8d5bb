"""The files that people get: as the base model's, readable, and complete."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import align
from upo_sdk.config import build_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk import RunRecord

_GENERATION = {"temperature": 0.6, "do_sample": False, "eos_token_id": [1, 2], "bos_token_id": 0}
"""transformers refuses to save it: a temperature without sampling. Models on the hub have it all the same."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, model_folder: Callable[[str], Path]) -> Path:
    """Make a model whose configuration differs from what transformers and its tokenizer would have."""
    folder = tmp_path_factory.mktemp("base")
    shutil.copytree(model_folder("llama"), folder, dirs_exist_ok=True)
    config = {
        **read(folder / "config.json"),
        "use_cache": True,
        "pad_token_id": None,
        "eos_token_id": 2,
        "note": "kept",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "generation_config.json").write_text(json.dumps(_GENERATION), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "gradient checkpointing"])
def run(request: pytest.FixtureRequest, base: Path, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    folder = tmp_path_factory.mktemp("run")
    answers = {"chosen": "Hold the button.", "rejected": "I do not know."}
    rows = [json.dumps({"prompt": f"{number}. How do I restart the router? ", **answers}) for number in range(12)]
    (folder / "pairs.jsonl").write_text("\n".join(rows), encoding="utf-8")
    training = {"max_steps": 3, "save_steps": 2, "logging_steps": 2, "gradient_checkpointing": request.param}
    settings: dict[str, Any] = {
        "model": str(base),
        "data": {"path": str(folder / "pairs.jsonl"), "eval_fraction": 0.3},
        "objectives": ["dpo", "length:0.5,target=8"],
        "loss": {"gate_steps": 0},
        "training": {**training, "per_device_train_batch_size": 2},
        "output_dir": str(folder / "run"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("upo_sdk.run.write_report_or_warn", lambda *_: None)
        patch.setenv("UPO_CACHE_DIR", str(folder / "cache"))
        return align(build_config(settings))


def read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {name: value for name, value in loaded.items() if name != "transformers_version"}


@pytest.mark.parametrize("place", [".", "checkpoint-2"])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_configurations_are_those_of_the_base_model(run: RunRecord, base: Path, place: str, name: str) -> None:
    assert read(run.output_dir / place / name) == read(base / name)


@pytest.mark.parametrize("place", [".", "checkpoint-2"])
def test_every_file_is_as_readable_as_a_new_one(run: RunRecord, tmp_path: Path, place: str) -> None:
    (tmp_path / "new").touch()
    files = [entry for entry in (run.output_dir / place).iterdir() if entry.is_file()]
    assert "model.safetensors" in [entry.name for entry in files]
    assert {entry.stat().st_mode for entry in files} == {(tmp_path / "new").stat().st_mode}


def test_the_last_step_is_logged_whatever_logging_steps_says(run: RunRecord) -> None:
    rows = [json.loads(row) for row in (run.output_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [2, 3]
    assert [row["step"] for row in rows if "eval_loss" in row] == [3]
    gradients = [{name for name in row if name.startswith("gradient")} for row in rows if "loss" in row]
    assert gradients[0] == gradients[1]


def test_what_was_saved_aside_is_gone(run: RunRecord) -> None:
    assert not (run.output_dir / ".saving").exists()
    assert (run.output_dir / "checkpoint-2" / "checksums.json").is_file()
