"""Sequence classifiers of the Transformers library, saved by the tests with safetensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from upo_plugins.toxicity.classifier import ClassifierScorer, load_folder
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.errors import ModelError, ObjectiveRefError

if TYPE_CHECKING:
    from pathlib import Path

RUDE = "you are an idiot !"
DETOXIFY = dict(enumerate(["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]))


def save(folder: Path, tiny: Any, labels: dict[int, str], **config: Any) -> Path:
    model = tiny.bert(len(labels), id2label=labels, label2id={name: n for n, name in labels.items()}, **config)
    model.save_pretrained(folder)
    return tiny.save_base(folder, model)


def load(folder: Path, **options: Any) -> ClassifierScorer:
    return load_folder(folder, "folder", ToxicityOptions(model=str(folder), **options), "cpu")


@pytest.fixture
def folder(tmp_path: Path, tiny: Any) -> Path:
    return save(tmp_path / "classifier", tiny, DETOXIFY, problem_type="multi_label_classification")


def logits(tiny: Any, outputs: int) -> torch.Tensor:
    ids = torch.tensor([[tiny.words.index(token) for token in ["[CLS]", *RUDE.split(), "[SEP]"]]])
    with torch.no_grad():
        return tiny.bert(outputs)(input_ids=ids).logits[0]


def test_a_multi_label_classifier_gives_a_sigmoid_per_label(folder: Path, tiny: Any) -> None:
    assert load(folder).probabilities([RUDE])[0] == pytest.approx(logits(tiny, 6).sigmoid().tolist(), abs=1e-6)


def test_a_folder_and_a_checkpoint_of_the_same_weights_agree(
    folder: Path, checkpoint: Path, base: Path, score: Any
) -> None:
    from_checkpoint = score(RUDE, "word", model=str(checkpoint), base=str(base))
    assert score(RUDE, "word", model=str(folder)) == pytest.approx(from_checkpoint, abs=1e-6)


def test_a_binary_classifier_is_read_by_its_toxic_label(tmp_path: Path, tiny: Any, score: Any) -> None:
    folder = save(tmp_path / "binary", tiny, {0: "neutral", 1: "toxic"})
    assert score(RUDE, model=str(folder)) == pytest.approx([1 - logits(tiny, 2).softmax(-1)[1].item()], abs=1e-6)


def test_a_binary_classifier_may_have_its_toxic_label_first(tmp_path: Path, tiny: Any, score: Any) -> None:
    folder = save(tmp_path / "binary", tiny, {0: "HATE", 1: "NOT-HATE"})
    assert score(RUDE, model=str(folder)) == pytest.approx([1 - logits(tiny, 2).softmax(-1)[0].item()], abs=1e-6)


def test_a_toxic_label_that_cannot_be_told_has_to_be_named(tmp_path: Path, tiny: Any, score: Any) -> None:
    folder = save(tmp_path / "binary", tiny, {0: "LABEL_0", 1: "LABEL_1"})
    with pytest.raises(ObjectiveRefError, match="none of the labels") as caught:
        score(RUDE, model=str(folder))
    assert caught.value.fix is not None
    assert "categories=label_1" in caught.value.fix
    named = score(RUDE, model=str(folder), categories="LABEL_1")
    assert named == pytest.approx([1 - logits(tiny, 2).softmax(-1)[1].item()], abs=1e-6)


def test_labels_that_name_no_harm_do_not_count(tmp_path: Path, tiny: Any, score: Any) -> None:
    labels = {0: "toxicity", 1: "insult", 2: "female"}
    folder = save(tmp_path / "identities", tiny, labels)
    wanted = 1 - logits(tiny, 3).sigmoid()[:2].max().item()
    assert score(RUDE, model=str(folder)) == pytest.approx([wanted], abs=1e-6)


def test_the_reward_of_no_completions_is_empty_and_one_alone_is_fine(folder: Path, score: Any) -> None:
    assert score(model=str(folder)) == []
    assert len(score(RUDE, model=str(folder))) == 1


def test_a_blank_response_has_reward_one(folder: Path, score: Any) -> None:
    assert score("", "  \n", model=str(folder)) == [1.0, 1.0]


@pytest.fixture(scope="module")
def shared_scorer(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> ClassifierScorer:
    return load(save(tmp_path_factory.mktemp("shared"), tiny, DETOXIFY), batch_size=3, max_length=16)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["you", "are", "kind", "idiot", "word", "!"]), min_size=1, max_size=60).map(" ".join),
        min_size=1,
        max_size=7,
    )
)
def test_a_text_scores_the_same_alone_and_among_others(shared_scorer: ClassifierScorer, texts: list[str]) -> None:
    together = shared_scorer.probabilities(texts)
    for text, row in zip(texts, together, strict=True):
        assert shared_scorer.probabilities([text])[0] == pytest.approx(row, abs=2e-6)


def test_windows_overlap_and_the_worst_one_counts_for_each_label(folder: Path) -> None:
    scorer = load(folder, max_length=16)  # 14 words and two marks; the next window repeats the last 4 words
    words = ["word"] * 13 + ["you", "are", "an", "idiot", "!"] + ["kind"] * 6
    parts = [" ".join(words[:14]), " ".join(words[10:])]
    whole = scorer.probabilities([" ".join(words)])[0]
    assert whole == pytest.approx([max(pair) for pair in zip(*scorer.probabilities(parts), strict=True)], abs=1e-6)


def test_a_head_that_is_not_in_the_weights_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack classifier\.weight"):
        load(folder)


def test_pickled_weights_are_refused(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        load(folder)


def test_the_fingerprint_changes_with_the_weights_and_with_the_vocabulary(folder: Path) -> None:
    before = load(folder).fingerprint
    (folder / "vocab.txt").write_text("changed")
    with_other_vocabulary = load(folder).fingerprint
    assert with_other_vocabulary["weights_sha256"] == before["weights_sha256"]
    assert with_other_vocabulary["config_sha256"] != before["config_sha256"]
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert load(folder).fingerprint["weights_sha256"] != before["weights_sha256"]


def test_on_the_cpu_a_scorer_is_exact_unless_told_otherwise(folder: Path, score: Any) -> None:
    assert score(RUDE, model=str(folder)) == score(RUDE, model=str(folder), dtype="float32")


def test_on_an_accelerator_a_scorer_uses_bfloat16_and_its_fingerprint_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = load(folder)
    monkeypatch.setattr("upo_plugins.toxicity.classifier.computes_bfloat16", lambda _device: True)
    quick, forced = load(folder), load(folder, dtype="float32")
    assert exact.fingerprint == forced.fingerprint
    assert quick.fingerprint == {**exact.fingerprint, "autocast": "bfloat16"}
    assert forced.probabilities([RUDE]) == exact.probabilities([RUDE]) != quick.probabilities([RUDE])
    assert quick.probabilities([RUDE])[0] == pytest.approx(exact.probabilities([RUDE])[0], abs=0.05)


def test_a_scorer_can_run_in_half_precision(folder: Path, score: Any) -> None:
    full, half = score(RUDE, model=str(folder)), score(RUDE, model=str(folder), dtype="bfloat16")
    assert half == pytest.approx(full, abs=0.05)
    assert half != full
