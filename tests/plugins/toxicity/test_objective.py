"""Options, categories, and what happens when a model cannot be had."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError

from upo_plugins.toxicity.objective import Toxicity, reward
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.errors import ModelError, ObjectiveRefError, OfflineError
from upo_sdk.objectives import AuxiliaryObjective, Completion
from upo_sdk.objectives.protocol import Fingerprinted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("aggregate", "wanted"),
    [("worst", 0.6), ("mean", 0.7333333), ("printed", 1.0)],  # w·p = 0.4, 0.0; Σw = 1.5
)
def test_the_three_ways_to_aggregate(aggregate: Any, wanted: float) -> None:
    assert reward([0.8, 0.0], [0.5, 1.0], aggregate) == pytest.approx(wanted)


@pytest.mark.parametrize(
    "written",
    ["threat:0.7+Toxic", ["threat:0.7", "toxicity"], {"threat": 0.7, "toxic": 1}, {"threat": "0.7", "toxic": 1}],
)
def test_categories_are_spelled_in_text_lists_or_mappings(written: Any) -> None:
    assert ToxicityOptions(categories=written).categories == {"threat": 0.7, "toxicity": 1.0}


@pytest.mark.parametrize("written", ["threat:0", "threat:1.5", "threat:-1", "threat:x", "threat+threat", 3])
def test_wrong_categories_are_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        ToxicityOptions(categories=written)


def test_an_unknown_category_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(ObjectiveRefError, match="'insults'") as caught:
        Toxicity(ToxicityOptions(model="unbiased", categories="insults"))
    assert caught.value.fix is not None
    assert "did you mean 'insult'?" in caught.value.fix
    assert "sexual_explicit" in caught.value.fix


def test_the_builtin_scorer_has_one_category() -> None:
    with pytest.raises(ObjectiveRefError, match="'threat'"):
        Toxicity(ToxicityOptions(model="builtin", categories="threat"))


def test_categories_and_their_weights_enter_the_reward(checkpoint: Path, base: Path, score: Any) -> None:
    common = {"model": str(checkpoint), "base": str(base)}
    threat, insult = (1 - score("you idiot", categories=name, **common)[0] for name in ("threat", "insult"))
    assert threat != insult
    weighted = score("you idiot", categories="threat:0.7+insult:0.3", **common)
    assert weighted == pytest.approx([1 - max(0.7 * threat, 0.3 * insult)])


def test_it_is_an_auxiliary_objective_with_a_fingerprint() -> None:
    objective = Toxicity(ToxicityOptions(model="builtin"))
    objective.setup("cpu")
    assert isinstance(objective, AuxiliaryObjective)
    assert isinstance(objective, Fingerprinted)
    assert objective.fingerprint()["scorer"] == "builtin"
    assert len(objective.fingerprint()["weights_sha256"]) == 64


def test_a_mistyped_model_is_not_looked_for_on_the_hub() -> None:
    with pytest.raises(ModelError, match="unbaised") as caught:
        Toxicity(ToxicityOptions(model="unbaised")).setup("cpu")
    assert not isinstance(caught.value, OfflineError)
    assert caught.value.fix is not None
    assert "did you mean 'unbiased'?" in caught.value.fix


@pytest.mark.parametrize("variable", [None, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("model", ["unbiased", "original", "multilingual", "owner/classifier"])
def test_offline_and_not_cached_is_one_quick_error_with_a_way_out(
    model: str, variable: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    started = time.monotonic()
    with pytest.raises(OfflineError) as caught:
        Toxicity(ToxicityOptions(model=model)).setup("cpu")
    assert time.monotonic() - started < 5
    assert "model=builtin" in str(caught.value)
    assert "model=PATH" in str(caught.value)
    assert not list(tmp_path.rglob("*.ckpt*"))


@pytest.fixture
def published(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny stand-in for a model that Detoxify publishes, in torch's cache, under its hash."""
    path = tmp_path / "tiny.ckpt"
    torch.save(tiny.checkpoint_of(tiny.bert(6), tiny.classes, "bert-base-uncased"), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    cached = tmp_path / "torch" / "hub" / "checkpoints" / f"tiny-{digest}.ckpt"
    cached.parent.mkdir(parents=True)
    path.rename(cached)
    monkeypatch.setattr("detoxify.detoxify.MODEL_URLS", {"original": f"https://example.org/{cached.name}"})
    return cached


def test_a_published_model_is_taken_from_the_cache(published: Path, base: Path, score: Any) -> None:
    common = {"base": str(base)}
    assert score("you idiot", model="original", **common) == score("you idiot", model=str(published), **common)


def test_a_cached_file_whose_hash_is_wrong_is_refused(published: Path, base: Path, score: Any) -> None:
    published.write_bytes(published.read_bytes() + b" ")
    with pytest.raises(ModelError, match="its hash is another"):
        score("you idiot", model="original", base=str(base))


def test_a_hub_model_is_taken_from_the_cache_and_named_with_its_commit(tiny: Any, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--owner--classifier"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("b" * 40)
    model = tiny.bert(2, id2label={0: "neutral", 1: "toxic"}, label2id={"neutral": 0, "toxic": 1})
    model.save_pretrained(tiny.save_base(repository / "snapshots" / ("b" * 40), model))
    objective = Toxicity(ToxicityOptions(model="owner/classifier"))
    objective.setup("cpu")
    assert objective.fingerprint()["scorer"] == f"owner/classifier@{'b' * 40}"


def test_the_worst_probability_and_that_of_each_category_are_measured(checkpoint: Path, base: Path) -> None:
    options = ToxicityOptions(model=str(checkpoint), base=str(base), categories="threat:0.5+insult", aggregate="mean")
    objective = Toxicity(options)
    objective.setup("cpu")
    measured = objective.measures([Completion("p", "you are an idiot"), Completion("p", " ")])
    assert list(measured) == ["toxicity", "toxicity/threat", "toxicity/insult"]
    assert list(objective.harms) == ["toxicity/threat", "toxicity/insult"]
    assert measured["toxicity"][0] == max(measured["toxicity/threat"][0], measured["toxicity/insult"][0]) > 0
    assert [values[1] for values in measured.values()] == [0, 0, 0]
    assert list(objective.measures([])) == list(measured)


def test_a_single_category_is_measured_once() -> None:
    objective = Toxicity(ToxicityOptions(model="builtin"))
    objective.setup("cpu")
    completions = [Completion("p", "You stupid idiot."), Completion("p", "Thank you.")]
    assert list(objective.harms) == ["toxicity"]
    assert objective.measures(completions) == {"toxicity": [1 - reward for reward in objective.rewards(completions)]}
