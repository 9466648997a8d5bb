"""The plan says what every scorer will load, and refuses what cannot be had."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import upo_sdk.classifiers.loading
from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError, OfflineError, UPOError
from upo_sdk.plan.compatibility import check_scorers
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from pathlib import Path

DATA: Any = SimpleNamespace(columns=frozenset[str]())


def loads(*objectives: str, may_skip: bool = False, data: Any = DATA) -> tuple[dict[str, str], list[str]]:
    refs = [ObjectiveRef.model_validate(text) for text in objectives]
    return check_scorers(build_objectives(refs, load_registry()), data, may_skip=may_skip)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No network, and an empty cache of torch."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_what_is_built_in_needs_no_download() -> None:
    found, warnings = loads("dpo", "toxicity:0.3,model=builtin", "length:0.1,target=9", "lexical:0.1")
    assert found == dict.fromkeys(("toxicity", "length", "lexical"), "nothing to download")
    assert warnings == []


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("objective", "fix"),
    [
        ("toxicity:0.3", "model=builtin"),
        ("toxicity:0.3,model=some/classifier", "model=builtin"),
        ("hf:some/model:0.3", "hf:FOLDER"),
    ],
)
def test_a_download_that_cannot_be_had_is_refused_by_the_plan(objective: str, fix: str) -> None:
    with pytest.raises(OfflineError, match="would have to be downloaded") as caught:
        loads(objective)
    assert fix in (caught.value.fix or "")


@pytest.mark.usefixtures("offline")
def test_where_a_scorer_may_fail_the_plan_says_that_it_will_be_left_out() -> None:
    found, (warning,) = loads("toxicity:0.3", may_skip=True)
    assert found == {"toxicity": "not available"}
    assert "'toxicity' will be left out of this run" in warning


@pytest.mark.usefixtures("offline")
def test_rewards_in_the_data_need_no_scorer() -> None:
    data: Any = SimpleNamespace(columns=frozenset({"reward/toxicity"}))
    assert loads("toxicity:0.3", data=data)[0] == {"toxicity": "its rewards are in the data"}


def test_a_download_is_named_with_its_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(upo_sdk.classifiers.loading, "why_unreachable", lambda _url: None)
    (loaded,) = loads("toxicity:0.3")[0].values()
    assert loaded.startswith("downloads toxic_debiased")
    assert loaded.endswith("from github.com")


def test_a_cached_checkpoint_still_needs_its_tokenizer(offline: Path) -> None:
    from detoxify.detoxify import MODEL_URLS

    offline.mkdir(parents=True)
    (offline / MODEL_URLS["unbiased"].rpartition("/")[2]).touch()
    with pytest.raises(OfflineError, match="roberta-base"):
        loads("toxicity:0.3")
    for name in ("config.json", "vocab.json"):
        (offline / name).touch()
    assert loads("toxicity:0.3")[0]["toxicity"].startswith("cached: toxic_debiased")


@pytest.mark.parametrize(
    ("objective", "what"),
    [
        ("toxicity:0.3,model=nowhere", "there is no toxicity model"),
        ("hf:./nowhere:0.3", "there is no folder"),
        ("https://host/score:0.3,token_env=NO_SUCH_KEY", "NO_SUCH_KEY"),
    ],
)
def test_a_model_or_a_key_that_is_not_there_is_refused_by_the_plan(objective: str, what: str) -> None:
    with pytest.raises(UPOError, match=what):
        loads(objective)


def test_a_check_that_raises_names_its_objective() -> None:
    def fail() -> str:
        raise RuntimeError("half written")

    (item,) = build_objectives([ObjectiveRef.model_validate("toxicity:0.3,model=builtin")], load_registry())
    item.objective.check = fail  # type: ignore[attr-defined]
    with pytest.raises(ObjectiveFailedError, match="'toxicity' raised RuntimeError"):
        check_scorers([item], DATA, may_skip=False)
