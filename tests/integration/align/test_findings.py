"""What differs between data, scores and what is learned is said one time, and stands in run.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chat_templates import chat_tokenizer
from recorder import Recorder
from transformers import AutoConfig, AutoModelForCausalLM

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("no_report")
def test_findings_are_told_one_time_for_both_splits_and_kept(tmp_path: Path) -> None:
    def said(*turns: str) -> list[dict[str, Any]]:
        return [{"role": ("assistant", "user")[n % 2], "content": text} for n, text in enumerate(turns)]

    rows = [
        {
            "prompt": [{"role": "user", "content": f"Hi {n}"}],
            "chosen": said("Yes", "And?", "Done"),
            "rejected": said("No"),
        }
        for n in range(6)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tokenizer = chat_tokenizer("chatml")
    tokenizer.save_pretrained(tmp_path / "model")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = AutoConfig.for_model("llama", vocab_size=len(tokenizer), **sizes)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "model")
    recorder = Recorder()
    settings = {
        "model": str(tmp_path / "model"),
        "data": {"path": str(tmp_path / "rows.jsonl"), "eval_fraction": 0.4},
        "objectives": ["dpo"],
        "training": {"max_steps": 1, "per_device_train_batch_size": 2},
        "output_dir": str(tmp_path / "run"),
    }
    align(build_config(settings), callbacks=[recorder])
    told = [event.text for event in recorder.events if isinstance(event, Notice) and "other roles" in event.text]
    assert len(told) == 1
    found = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["data"]["findings"]
    assert [(item["kind"], item["detail"]) for item in found["training"]] == [("other_speakers", "user")]
    assert [item["kind"] for item in found["held-out"]] == ["other_speakers"]
