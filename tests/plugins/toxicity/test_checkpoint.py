"""Detoxify's own checkpoint format, exercised with tiny checkpoints and without a network."""

from __future__ import annotations

import hashlib
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch

from upo_plugins.toxicity.checkpoint import load_checkpoint
from upo_plugins.toxicity.objective import Toxicity
from upo_plugins.toxicity.options import ToxicityOptions
from upo_sdk.errors import ModelError, OfflineError

if TYPE_CHECKING:
    from pathlib import Path

RUDE = "you are an idiot !"


def load(path: Path, **options: Any) -> Any:
    return load_checkpoint(path, "checkpoint", ToxicityOptions(model=str(path), **options), "cpu")


def expected(model: Any, tokens: list[str], words: tuple[str, ...]) -> list[float]:
    """Return the sigmoids of a plain forward pass over hand-made token numbers."""
    ids = torch.tensor([[words.index(token) for token in tokens]])
    with torch.no_grad():
        return model(input_ids=ids).logits.sigmoid()[0].tolist()


def test_probabilities_are_the_sigmoids_of_a_plain_forward_pass(checkpoint: Path, base: Path, tiny: Any) -> None:
    scorer = load(checkpoint, base=str(base))
    wanted = expected(tiny.bert(6), ["[CLS]", "you", "are", "an", "idiot", "!", "[SEP]"], tiny.words)
    assert scorer.probabilities([RUDE])[0] == pytest.approx(wanted, abs=1e-6)


def test_labels_carry_the_names_that_detoxify_reports(checkpoint: Path, base: Path) -> None:
    labels = load(checkpoint, base=str(base)).labels
    assert labels == ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")


def test_the_reward_is_one_minus_the_worst_category(checkpoint: Path, base: Path, score: Any) -> None:
    row = load(checkpoint, base=str(base)).probabilities([RUDE])[0]
    assert score(RUDE, model=str(checkpoint), base=str(base)) == pytest.approx([1 - max(row)])


def test_the_config_and_tokenizer_beside_the_checkpoint_are_found(checkpoint: Path, tiny: Any, score: Any) -> None:
    tiny.save_base(checkpoint.parent, tiny.bert(6))
    assert 0 < score(RUDE, model=str(checkpoint))[0] < 1


def test_without_a_local_base_the_hub_name_in_the_checkpoint_is_an_offline_error(checkpoint: Path) -> None:
    with pytest.raises(OfflineError, match="bert-base-uncased"):
        load(checkpoint)


def test_a_base_that_was_downloaded_before_is_taken_from_the_cache(
    checkpoint: Path, tiny: Any, tmp_path: Path, score: Any
) -> None:
    repository = tmp_path / "hub" / "models--bert-base-uncased"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    tiny.save_base(repository / "snapshots" / ("a" * 40), tiny.bert(6))
    assert 0 < score(RUDE, model=str(checkpoint))[0] < 1


class Payload:
    """Runs a command when it is unpickled without care."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_planted_payload_is_refused_and_not_run(checkpoint: Path, base: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    content = torch.load(checkpoint, weights_only=True)
    torch.save({**content, "extra": Payload(trace)}, checkpoint)
    with pytest.raises(ModelError, match="nothing in it was run") as caught:
        load(checkpoint, base=str(base))
    assert not trace.exists()
    assert "weights_only=False" not in str(caught.value)
    torch.load(checkpoint, weights_only=False)  # proves that the payload works
    assert trace.exists()


def test_a_plain_pickle_is_refused_and_not_run(base: Path, tmp_path: Path) -> None:
    path, trace = tmp_path / "plain.ckpt", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Payload(trace)))
    with pytest.raises(ModelError, match="nothing in it was run"):
        load(path, base=str(base))
    assert not trace.exists()


def test_a_missing_head_is_refused_instead_of_drawn_at_random(checkpoint: Path, base: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content["state_dict"]["classifier.weight"]
    torch.save(content, checkpoint)
    with pytest.raises(ModelError, match=r"classifier\.weight"):
        load(checkpoint, base=str(base))


def test_weights_under_a_foreign_prefix_are_refused(checkpoint: Path, base: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"] = {f"model.{key}": value for key, value in content["state_dict"].items()}
    torch.save(content, checkpoint)
    with pytest.raises(ModelError, match="do not fit the architecture"):
        load(checkpoint, base=str(base))


def test_position_ids_that_old_releases_saved_are_no_obstacle(checkpoint: Path, base: Path, score: Any) -> None:
    before = score(RUDE, model=str(checkpoint), base=str(base))
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"]["bert.embeddings.position_ids"] = torch.arange(64)[None]
    torch.save(content, checkpoint)
    assert score(RUDE, model=str(checkpoint), base=str(base)) == before


@pytest.mark.parametrize("part", ["state_dict", "config"])
def test_a_checkpoint_that_lacks_a_part_is_refused(checkpoint: Path, base: Path, part: str) -> None:
    content = torch.load(checkpoint, weights_only=True)
    del content[part]
    torch.save(content, checkpoint)
    with pytest.raises(ModelError, match="not a Detoxify checkpoint"):
        load(checkpoint, base=str(base))


def test_roberta_with_sixteen_outputs_reports_its_seven_categories(tiny: Any, tmp_path: Path) -> None:
    classes = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
    model, path = tiny.roberta(16), tmp_path / "unbiased.ckpt"
    torch.save(tiny.checkpoint_of(model, classes, "roberta-base"), path)
    scorer = load(path, base=str(tiny.save_base(tmp_path / "roberta", model)))
    wanted = expected(model, ["[CLS]", "you", "are", "kind", "[SEP]"], tiny.words)
    assert scorer.probabilities(["you are kind"])[0] == pytest.approx(wanted[:7], abs=1e-6)
    assert len(scorer.probabilities(["word " * 300])[0]) == 7  # 34 positions, of which the first two stand for padding


def test_three_thousand_words_are_read_to_the_end(checkpoint: Path, base: Path) -> None:
    scorer = load(checkpoint, base=str(base))
    dull, ending = scorer.probabilities(["word " * 3000, "word " * 3000 + "you idiot ! ? kind"])
    assert any(after > before + 1e-3 for before, after in zip(dull, ending, strict=True))


def test_the_fingerprint_is_the_hash_of_the_file(checkpoint: Path, base: Path) -> None:
    objective = Toxicity(ToxicityOptions(model=str(checkpoint), base=str(base)))
    objective.setup("cpu")
    assert objective.fingerprint()["weights_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()


def test_loading_leaves_the_random_numbers_of_the_run_alone(checkpoint: Path, base: Path) -> None:
    state = torch.random.get_rng_state()
    load(checkpoint, base=str(base))
    assert torch.equal(torch.random.get_rng_state(), state)
