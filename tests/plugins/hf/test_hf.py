"""Classifiers and reward models of the Transformers library as objectives, against plain forward passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ModelError, ObjectiveRefError, OfflineError
from upo_sdk.objectives import Completion
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.testing import check_objective

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

ASKED = Completion("why", "please thanks")


def build(folder: Path | str, **options: Any) -> Any:
    ref = ObjectiveRef(name="hf", target=str(folder), options=options)
    (live,) = build_objectives([ref], load_registry())
    live.objective.setup("cpu")
    return live.objective


def rewards(folder: Path, *completions: Completion, **options: Any) -> Sequence[float]:
    return build(folder, **options).rewards(completions or [ASKED])


def test_the_reward_is_the_probability_of_the_named_label(classifier: Any, outputs: Any) -> None:
    folder = classifier("rude", "kind", "odd")
    expected = outputs(folder, "[CLS] please thanks [SEP]").softmax(-1)[1].item()
    for label in ("kind", "KIND", "1"):
        assert rewards(folder, label=label) == pytest.approx([expected], abs=1e-6)
    assert rewards(folder, label="kind", reverse=True) == pytest.approx([1 - expected], abs=1e-6)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("none", lambda logits: logits[1]),
        ("sigmoid", lambda logits: logits.sigmoid()[1]),
        ("softmax", lambda logits: logits.softmax(-1)[1]),
    ],
)
def test_the_activation_can_be_chosen(classifier: Any, outputs: Any, activation: str, expected: Any) -> None:
    folder = classifier("rude", "kind", "odd")
    wanted = expected(outputs(folder, "[CLS] please thanks [SEP]")).item()
    assert rewards(folder, label="kind", activation=activation) == pytest.approx([wanted], abs=1e-5)


def test_labels_that_may_be_true_together_are_sigmoids(classifier: Any, outputs: Any) -> None:
    folder = classifier("rude", "kind", problem_type="multi_label_classification")
    expected = outputs(folder, "[CLS] please thanks [SEP]").sigmoid()[1].item()
    assert rewards(folder, label="kind") == pytest.approx([expected], abs=1e-6)


def test_a_reward_model_without_a_template_reads_a_pair_and_gives_its_output(classifier: Any, outputs: Any) -> None:
    folder = classifier("LABEL_0")
    expected = outputs(folder, "[CLS] why [SEP] | please thanks [SEP]").item()
    assert rewards(folder) == pytest.approx([expected], abs=1e-5)
    assert rewards(folder, reverse=True) == pytest.approx([-expected], abs=1e-5)
    alone = outputs(folder, "[CLS] please thanks [SEP]").item()
    assert rewards(folder, input="response") == pytest.approx([alone], abs=1e-5)


def test_a_reward_model_with_a_template_reads_the_conversation(reward_model: Path, outputs: Any) -> None:
    expected = outputs(reward_model, "user why assistant please thanks").item()
    assert rewards(reward_model) == pytest.approx([expected], abs=1e-5)


def test_messages_of_the_data_go_through_the_template_as_they_are(reward_model: Path, outputs: Any) -> None:
    said = [("user", "why"), ("assistant", "no"), ("user", "please")]
    prompt = [{"role": role, "content": content} for role, content in said]
    asked = Completion(
        "-", "good", prompt_messages=prompt, response_messages=[{"role": "assistant", "content": "good"}]
    )
    expected = outputs(reward_model, "user why assistant no user please assistant good").item()
    assert rewards(reward_model, asked) == pytest.approx([expected], abs=1e-5)


def test_a_conversation_that_is_too_long_loses_its_beginning(reward_model: Path, outputs: Any) -> None:
    long = Completion("why " * 100, "bad good")
    expected = outputs(reward_model, "why " * 29 + "assistant bad good").item()
    assert rewards(reward_model, long, max_length=32) == pytest.approx([expected], abs=1e-5)


def test_a_decoder_scores_a_text_the_same_alone_and_in_a_padded_batch(reward_model: Path) -> None:
    several = [ASKED, Completion("why", "no"), Completion("word " * 20, "thanks " * 20), Completion("", "")]
    together = rewards(reward_model, *several)
    assert together == pytest.approx([rewards(reward_model, item)[0] for item in several], abs=1e-5)


@pytest.mark.parametrize(("pool", "combine"), [("mean", lambda x: sum(x) / len(x)), ("min", min), ("max", max)])
def test_windows_of_a_long_response_become_one_reward(classifier: Any, outputs: Any, pool: str, combine: Any) -> None:
    folder = classifier("rude", "kind")
    words = ["good"] * 30 + ["bad"] * 10  # 30 words and two marks per window; the next repeats the last eight
    parts = [words[:30], words[22:]]
    expected = combine([outputs(folder, f"[CLS] {' '.join(part)} [SEP]").softmax(-1)[1].item() for part in parts])
    found = rewards(folder, Completion("", " ".join(words)), label="kind", max_length=32, pool=pool)
    assert found == pytest.approx([expected], abs=1e-6)


def test_a_long_pair_keeps_the_end_of_its_prompt_in_every_window(classifier: Any, outputs: Any) -> None:
    folder = classifier("LABEL_0")
    prompt, words = "no " * 50 + "why", ["good"] * 13 + ["bad"] * 5
    kept = "no " * 15 + "why"  # half a window of 32; 13 words and three marks are the other half
    parts = [words[:13], words[5:]]
    expected = sum(outputs(folder, f"[CLS] {kept} [SEP] | {' '.join(part)} [SEP]").item() for part in parts) / 2
    found = rewards(folder, Completion(prompt, " ".join(words)), max_length=32)
    assert found == pytest.approx([expected], abs=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(*[st.lists(st.sampled_from(["please", "no", "word"]), max_size=50).map(" ".join)] * 2), max_size=5
    ),
    st.sampled_from(["pair", "response"]),
)
def test_a_score_does_not_depend_on_the_neighbours(classifier: Any, texts: list[tuple[str, str]], kind: str) -> None:
    objective = build(classifier("a", "b"), label="a", input=kind, batch_size=2, max_length=32)
    several = [Completion(prompt, response) for prompt, response in texts]
    assert objective.rewards(several) == pytest.approx([objective.rewards([item])[0] for item in several], abs=1e-5)


def test_a_label_has_to_be_named_and_is_helped_to_be(classifier: Any) -> None:
    folder = classifier("negative", "positive")
    with pytest.raises(ObjectiveRefError, match="has 2 labels, and none is named") as caught:
        build(folder)
    assert "label=positive" in (caught.value.fix or "")
    with pytest.raises(ObjectiveRefError, match="no label 'positve'") as caught:
        build(folder, label="positve")
    assert "did you mean 'positive'? known: negative, positive, or a number from 0 to 1" in (caught.value.fix or "")
    with pytest.raises(ObjectiveRefError, match="no label '2'"):
        build(folder, label="2")


def test_a_softmax_of_one_output_is_refused(classifier: Any) -> None:
    with pytest.raises(ObjectiveRefError, match="always 1"):
        build(classifier("LABEL_0"), activation="softmax")


def test_a_template_that_is_not_there_is_said(classifier: Any) -> None:
    with pytest.raises(ModelError, match="no chat template"):
        build(classifier("LABEL_0"), input="chat")


def test_no_folder_and_no_hub_id_is_one_clear_error() -> None:
    with pytest.raises(ModelError, match=r"there is no folder '\./tone', and it is no hub id"):
        build("./tone")


def test_a_hub_id_that_is_not_cached_is_an_offline_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE is set") as caught:
        build("nobody/nothing-of-this-name")
    assert caught.value.where == "hf:nobody/nothing-of-this-name"
    assert "hf:FOLDER" in (caught.value.fix or "")


def test_pickled_weights_are_refused(classifier: Any) -> None:
    folder = classifier("LABEL_0")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        build(folder)


def test_the_fingerprint_follows_the_weights_and_names_what_was_chosen(classifier: Any) -> None:
    folder = classifier("LABEL_0")
    before = build(folder).fingerprint()
    assert (before["activation"], before["input"]) == ("none", "pair")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    after = build(folder).fingerprint()
    assert after["weights_sha256"] != before["weights_sha256"]
    assert after["config_sha256"] == before["config_sha256"]


def test_loading_leaves_the_random_numbers_of_the_run_alone(classifier: Any) -> None:
    folder = classifier("LABEL_0")
    state = torch.random.get_rng_state()
    build(folder)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.usefixtures("warm")
def test_the_objective_passes_every_conformance_check_but_that_of_prints(classifier: Callable[..., Path]) -> None:
    bar = {"prints_nothing": "transformers draws a bar while it loads, which a run turns off"}
    check_objective(f"hf:{classifier('kind', 'unkind')},label=kind", expected_failures=bar)
