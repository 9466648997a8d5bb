"""Settings in messages of the SDK, as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_cli.option_names import as_options, as_options_of_eval
from upo_cli.progress import ProgressView, open_view
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from conftest import Upo


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("lower `loss.lambda`", "lower --lambda"),
        ("add `loss.gate_steps=10`, or leave it out", "add --gate_steps 10, or leave it out"),
        ("choose another `output_dir`", "choose another --output_dir"),
        ("give `model.path=FOLDER` and `data.path=FILE.jsonl`", "give --model FOLDER and --data FILE.jsonl"),
        ("add `training.bf16=true`", "add --bf16"),
        ("leave out `training.bf16`", "leave out --bf16"),
        ("`training.bf16=false`", "--set training.bf16=false"),
        ("`data.columns.prompt=question`", "--columns prompt=question"),
        ("`training.arguments.run_name`", "--arguments run_name"),
        ("`objectives=dpo`", "--objective dpo"),
        ("`plugins.block=other`", "--block-plugin other"),
        ("`plugins.timeout=20`", "--set plugins.timeout=20"),
        ("`fail_if=toxicity>0.02`", "--fail_if 'toxicity>0.02'"),
        ("`judge.model=NAME`", "--judge_model NAME"),
        ("write them with `upo config init`; `a`, `x=1` and `HF_TOKEN` stay", None),
    ],
)
def test_a_setting_in_backticks_is_shown_as_its_option(message: str, shown: str | None) -> None:
    assert as_options(message) == (shown or message)


def test_the_model_that_is_evaluated_is_an_argument() -> None:
    assert as_options_of_eval("`model.path=FOLDER`, `baseline.path=FOLDER`") == "upo eval FOLDER, --baseline FOLDER"
    assert as_options_of_eval("check `model.path`") == "check MODEL"


def test_a_command_shows_options_and_a_view_in_a_program_keys(capsys: pytest.CaptureFixture[str]) -> None:
    notice = Notice("warning", "lower `loss.lambda`")
    open_view("plain", quiet=False).on_event(notice)
    ProgressView().on_event(notice)
    assert capsys.readouterr().err.splitlines() == ["warning: lower --lambda", "warning: lower `loss.lambda`"]


def test_an_error_keeps_its_keys_in_json(upo: Upo) -> None:
    arguments = ("train", "--model", "/nowhere/model", "--data", "/nowhere/data.jsonl", "--dry-run")
    assert "`model.path=FOLDER`" in upo(*arguments, "--json").data["error"]["fix"]
    assert "--model FOLDER" in upo(*arguments).err
