"""What is checked before Ray is used; the engine itself is tested on a real cluster, in the integration tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import ScoreConfig
from upo_sdk.config import ObjectiveRef
from upo_sdk.corpus import score
from upo_sdk.errors import ConfigError
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.scoring import ray_engine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("objective", "may"),
    [("toxicity,model=builtin", True), ("lexical", True), ("lexical,metric=rare_words", False)],
)
def test_an_objective_that_is_fitted_to_the_corpus_stays_in_its_process(objective: str, *, may: bool) -> None:
    (live,) = build_objectives([ObjectiveRef.model_validate(objective)], load_registry())
    assert ray_engine.may_leave(live) is may


def test_without_ray_the_extra_is_named_before_the_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "find_spec", lambda _: None)
    settings: dict[str, Any] = {"data": "nowhere.jsonl", "objectives": ["lexical"], "output": tmp_path / "o.jsonl"}
    with pytest.raises(ConfigError, match="Ray is not installed") as caught:
        score(ScoreConfig(engine="ray", **settings))
    assert caught.value.fix == "pip install 'upo-sdk[ray]'"
