"""What the model card says, and what it must not say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from huggingface_hub import ModelCard

from upo_sdk.errors import DataError, OutputError
from upo_sdk.publish.card import model_card, refresh_card
from upo_sdk.training.run_record import data_origin, model_origin

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVES: list[dict[str, Any]] = [
    {"label": "dpo", "objective": "dpo:1", "kind": "preference", "weight": 1.0},
    {"label": "toxicity", "objective": "toxicity:0.3,categories=a|b", "kind": "auxiliary", "weight": 0.3},
]
COMPARED = {
    "label": "toxicity",
    "before": 0.5,
    "after": 0.75,
    "interval": [0.2, 0.3],
    "prompts": 8,
    "split": "held-out",
}
EVALUATION = {
    "created": "2026-01-01T11:00:00+00:00",
    "model": {"path": "polite", "weights_sha256": "3" * 64},
    "data": {"description": "9 prompts from other.jsonl", "fingerprint": "2" * 64, "split": "given"},
    "seed": 3,
    "num_samples": 2,
    "prompts": 9,
    "samples": [{"prompt": "a private question", "model": "an answer", "tokens": {"model": 2}, "rewards": {}}],
    "metrics": {
        "toxicity": {
            "value": {"mean": 0.02, "low": 0.01, "high": 0.03, "count": 9},
            "baseline": {"mean": 0.4, "low": 0.3, "high": 0.5, "count": 9},
            "difference": {"mean": -0.38, "low": -0.47, "high": -0.29, "count": 9},
            "better": "lower",
        },
    },
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "polite"
    folder.mkdir()
    manifest = {
        "status": "completed",
        "started": "2026-01-01T10:00:00+00:00",
        "steps": 40,
        "seed": 7,
        "software": {"upo-sdk": "0.1.0", "torch": "2.13.0"},
        "model": {
            "path": "org/base",
            "revision": None,
            "weights_sha256": "ab" * 32,
            "origin": {"name": "org/base", "hub_id": "org/base", "license": "mit"},
        },
        "data": {
            "description": "100 pairs from club/pairs",
            "fingerprint": "cd" * 32,
            "origin": {"name": "club/pairs", "hub_id": "club/pairs"},
        },
        "objectives": [{**item, "distribution": "upo-sdk", "version": "0.1.0"} for item in OBJECTIVES],
        "explanation": ["toxicity: the mean reward rose."],
        "before_after": [COMPARED],
    }
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def changed(run: Path, **values: Any) -> None:
    manifest = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps(manifest | values), encoding="utf-8")


def evaluate(run: Path) -> None:
    (run / "eval.json").write_text(json.dumps(EVALUATION), encoding="utf-8")


def test_the_metadata_is_what_the_hub_reads(run: Path) -> None:
    data = ModelCard(model_card(run)).data
    assert (data.base_model, data.datasets, data.license) == ("org/base", ["club/pairs"], "mit")
    assert (data.library_name, data.pipeline_tag) == ("transformers", "text-generation")
    assert data.tags == ["upo-sdk", "preference-optimization", "dpo", "toxicity"]
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value) == ("reward/toxicity", 0.75)
    assert (result.dataset_type, result.dataset_split) == ("club/pairs", "held-out")


def test_the_text_names_base_data_objectives_effect_and_limits(run: Path) -> None:
    card = model_card(run)
    assert "[org/base](https://huggingface.co/org/base), weights\n  `abababababababab`" in card
    assert "100 pairs from club/pairs, fingerprint `cdcdcdcdcdcdcdcd`" in card
    assert "| `dpo` | preference | 1 | `dpo:1` | upo-sdk 0.1.0 |" in card
    assert "| `toxicity` | 0.500 | 0.750 | +0.250 (+0.200 to +0.300) | 8 held-out |" in card
    assert 'pipeline("text-generation", model="polite")' in card
    assert "40 optimizer steps, seed 7" in card
    assert "## Limits" in card
    assert "pip install upo-sdk==0.1.0" in card


def test_a_bar_in_an_option_does_not_break_the_table(run: Path) -> None:
    assert r"| `toxicity:0.3,categories=a\|b` |" in model_card(run)


def test_a_conversational_model_is_shown_with_a_conversation(run: Path) -> None:
    changed(run, data={"description": "chats", "fingerprint": "0" * 64, "conversational": True})
    assert 'generate([{"role": "user", "content": "Hello"}]' in model_card(run)


def test_a_run_that_measured_nothing_says_so(run: Path) -> None:
    changed(run, explanation=[], before_after=[])
    card = model_card(run)
    assert "Nothing was measured." in card
    assert ModelCard(card).data.eval_results is None


def test_a_local_base_model_goes_by_its_name_and_not_by_its_path(run: Path, tmp_path: Path) -> None:
    base = tmp_path / "private" / "llama-at-home"
    changed(run, model={"path": str(base), "weights_sha256": "0" * 64})
    objective = {**OBJECTIVES[1], "objective": f"hf:{base}", "distribution": "upo-sdk", "version": "0.1.0"}
    changed(run, objectives=[objective])
    config = {"model": {"path": str(base)}, "objectives": [{"options": {"model": str(base)}}]}
    (run / "config.resolved.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    card = model_card(run)
    assert "private" not in card
    assert "`llama-at-home`, weights" in card
    assert ModelCard(card).data.base_model is None  # the hub refuses a card whose base model it does not know


def test_the_numbers_of_an_evaluation_replace_those_of_the_run(run: Path) -> None:
    evaluate(run)
    card = model_card(run)
    assert "`upo eval` on 9 prompts, 2 answers each, seed 3: 9 prompts from other.jsonl." in card
    assert "| `toxicity` | lower | 0.4 (0.3 to 0.5) | 0.02 (0.01 to 0.03) | -0.38 (-0.47 to -0.29) |" in card
    assert "a private question" not in card
    (result,) = ModelCard(card).data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("toxicity", 0.02, "given")


def test_a_refreshed_card_has_the_evaluation_and_keeps_what_was_edited(run: Path) -> None:
    (run / "README.md").write_text(model_card(run).replace("## Limits", "## My own words"), encoding="utf-8")
    evaluate(run)
    assert refresh_card(run) == run / "README.md"
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "## My own words" in card
    assert "| `toxicity` | lower |" in card
    assert "0.750" not in card
    assert ModelCard(card).data.eval_results[0].metric_value == 0.02
    assert ModelCard(card).data.base_model == "org/base"


def test_refreshing_twice_changes_nothing_more(run: Path) -> None:
    (run / "README.md").write_text(model_card(run), encoding="utf-8")
    evaluate(run)
    refresh_card(run)
    once = (run / "README.md").read_text(encoding="utf-8")
    refresh_card(run)
    assert (run / "README.md").read_text(encoding="utf-8") == once


def test_a_card_without_the_section_is_left_alone(run: Path) -> None:
    (run / "README.md").write_text("# mine\n", encoding="utf-8")
    evaluate(run)
    assert refresh_card(run) is None
    assert (run / "README.md").read_text(encoding="utf-8") == "# mine\n"


def test_a_missing_card_is_written(run: Path) -> None:
    refresh_card(run)
    assert (run / "README.md").read_text(encoding="utf-8") == model_card(run)


def test_a_folder_that_is_no_run_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no run"):
        model_card(tmp_path)


def test_a_damaged_evaluation_is_named(run: Path) -> None:
    (run / "eval.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        model_card(run)
    assert str(run / "eval.json") in str(caught.value)


def test_a_local_model_has_the_licence_and_the_base_of_its_own_card(tmp_path: Path) -> None:
    text = "---\nlicense: other\nlicense_name: llama3\nlicense_link: LICENSE\nbase_model: org/base\n---\n# x\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert model_origin(str(tmp_path), None).model_dump(exclude_none=True) == {
        "name": tmp_path.name,
        "hub_id": "org/base",
        "license": "other",
        "license_name": "llama3",
        "license_link": "LICENSE",
    }


@pytest.mark.parametrize("card", ["---\n: [\n---\n", "no header", "---\nlicense: 7\n---\n"])
def test_a_card_that_cannot_be_read_gives_no_licence(tmp_path: Path, card: str) -> None:
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert model_origin(str(tmp_path), None).model_dump(exclude_none=True) == {"name": tmp_path.name}


def test_a_model_of_the_hub_is_known_by_its_id() -> None:
    assert model_origin("org/never-downloaded", None).model_dump(exclude_none=True) == {
        "name": "org/never-downloaded",
        "hub_id": "org/never-downloaded",
    }


def test_a_data_file_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").touch()
    assert data_origin([str(tmp_path / "pairs.jsonl")]).model_dump(exclude_none=True) == {"name": "pairs.jsonl"}
    assert data_origin(["club/pairs"]).model_dump(exclude_none=True) == {"name": "club/pairs", "hub_id": "club/pairs"}
