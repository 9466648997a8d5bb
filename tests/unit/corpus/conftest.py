from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import ScoreConfig
from upo_sdk.corpus import score

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.corpus import ScoredCorpus


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write rows to a JSON Lines file."""

    def write(rows: list[dict[str, Any]], name: str = "corpus.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def score_with_length(tmp_path: Path) -> Callable[..., tuple[ScoredCorpus, list[dict[str, Any]]]]:
    """Score with ``length``, whose reward is 1 at four words and lower elsewhere; return the rows that were written."""

    def run(path: Path, **settings: Any) -> tuple[ScoredCorpus, list[dict[str, Any]]]:
        settings = {"objectives": ["length,target=4"], "output": tmp_path / "out" / "scored.jsonl", **settings}
        result = score(ScoreConfig(data={"path": str(path), **settings.pop("data", {})}, **settings))
        return result, [json.loads(line) for line in settings["output"].read_text(encoding="utf-8").splitlines()]

    return run
