"""The card's code, run as it stands, calls the model as it was trained; samples say who speaks."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import transformers

from upo_sdk import align
from upo_sdk.publish.card import call
from upo_sdk.records import load_run

from .conftest import config

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = (
    "{% if enable_thinking is defined and not enable_thinking %}<quick>{% endif %}"
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{{ eos_token if m['role'] == 'assistant' }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)


def run_of(settings: dict[str, Any], tmp_path: Path, rows: list[dict[str, Any]], template: str | None = None) -> Path:
    """Train one step on rows and return the run folder."""
    model, data = tmp_path / "model", tmp_path / "rows.jsonl"
    shutil.copytree(settings["model"], model)
    if template:
        (model / "chat_template.jinja").write_text(template, encoding="utf-8")
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    more = {"model": str(model), "data": str(data), "training": {"max_steps": 1}, "eval_prompts": 2}
    return align(config(settings, more, {"eval_max_new_tokens": 4})).output_dir


def printed(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """Run the code of the card; return what it printed, and the texts that the tokenizer was given."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    given = list[str]()
    monkeypatch.chdir(folder.parent)
    own = transformers.PreTrainedTokenizerBase.__call__

    def spied(self: Any, text: Any = None, *args: Any, **more: Any) -> Any:
        given.extend([text] if isinstance(text, str) else text)
        return own(self, text, *args, **more)

    monkeypatch.setattr(transformers.PreTrainedTokenizerBase, "__call__", spied)
    capsys.readouterr()
    exec(code, {})
    return capsys.readouterr().out, given


def chat(user: str, said: str, **more: Any) -> dict[str, Any]:
    before = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": user}]
    asked = [*before, {"role": "assistant", "content": "Which one?"}, {"role": "user", "content": "The red one."}]
    answers = {name: [{"role": "assistant", "content": text}] for name, text in (("chosen", said), ("rejected", "No."))}
    return {"prompt": asked, **answers, **more}


@pytest.mark.usefixtures("no_report")
def test_the_card_of_a_chat_model_calls_it_with_messages_and_what_all_rows_share(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = {"chat_template_kwargs": {"enable_thinking": False}}
    rows = [chat("My printer is broken.", "Turn it off.", **quick), chat("My router is.", "Wait a bit.", **quick)]
    folder = run_of(settings, tmp_path, rows, TEMPLATE)
    _, given = printed(folder, monkeypatch, capsys)
    assert given[-1] == "<quick>[system]Be brief.[user]Hello[assistant]"
    sample = json.loads((folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert sample["prompt"] == (
        "system: Be brief.\n\nuser: My printer is broken.\n\nassistant: Which one?\n\nuser: The red one."
    )


@pytest.mark.usefixtures("no_report")
def test_the_card_of_a_model_of_plain_text_calls_it_with_text(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"{number}?", "chosen": " Yes.", "rejected": " No."} for number in "ab"]
    folder = run_of(settings, tmp_path, rows)
    _, given = printed(folder, monkeypatch, capsys)
    assert given[-1] == "Hello"
    assert call(load_run(folder).data.called_with).startswith('generate("Hello", max_new_tokens=64')
