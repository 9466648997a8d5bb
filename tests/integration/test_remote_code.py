"""Code that lies in a model's folder is never run, whichever part of the program reads the folder."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.errors import UPOError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def with_code(model_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    """Return a model whose configuration and tokenizer name classes of their own, which leave a mark if imported."""
    folder = tmp_path / "with-code"
    shutil.copytree(model_folder("llama"), folder)
    (folder / "own_code.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()\n", encoding="utf-8")
    for name, auto_map in (
        ("config.json", {"AutoConfig": "own_code.Config", "AutoModelForCausalLM": "own_code.Model"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["own_code.Tokenizer", None]}),
    ):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        content |= {"auto_map": auto_map} | ({"model_type": "own"} if name == "config.json" else {})
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


@pytest.mark.parametrize("part", ["policy", "classifier"])
def test_code_in_a_folder_is_never_run(
    part: str, with_code: Path, model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    model = with_code if part == "policy" else model_folder("llama")
    objectives = ["dpo", f"hf:{with_code}:0.5"] if part == "classifier" else ["dpo"]
    config = build_config(
        {"model": str(model), "data": str(pairs_file), "objectives": objectives, "output_dir": str(tmp_path / "run")}
    )
    with pytest.raises(UPOError):
        align(config)
    assert not (tmp_path / "mark").exists()
