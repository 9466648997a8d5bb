from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_cli.options import config_options
from upo_sdk.config import LossConfig, ModelConfig, TrainingConfig

if TYPE_CHECKING:
    from conftest import Upo, UpoProcess


def test_every_setting_is_an_option_in_the_help_of_train(upo_process: UpoProcess) -> None:
    shown = upo_process("train", "--help", TERMINAL_WIDTH="200").out
    fields = {*LossConfig.model_fields, *TrainingConfig.model_fields, *ModelConfig.model_fields} - {"path", "lambda_"}
    missing = [name for name in [*fields, "lambda", "output_dir"] if f"--{name} " not in shown]
    assert not missing


def test_an_option_carries_the_description_of_its_field(upo_process: UpoProcess) -> None:
    shown = upo_process("train", "--help", TERMINAL_WIDTH="250").out
    line = next(line for line in shown.splitlines() if "--expectile" in line)
    assert "τ of the expectile regression that trains the value head. Default: 0.7." in line


def test_options_stand_in_one_panel_per_section(upo_process: UpoProcess) -> None:
    shown = upo_process("train", "--help").out
    titles = [line.split()[1] for line in shown.splitlines() if line.startswith("╭")]
    assert titles == ["Options", "Run", "Objectives", "Plugins", "Model", "Data", "Loss", "Training", "LoRA"]


def test_no_two_settings_claim_one_option() -> None:
    flags = [flag for option in config_options() for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_the_help_documents_the_exit_codes(upo: Upo) -> None:
    ended = upo("--help")
    assert ended.code == 0
    assert "Exit codes: 0 success; 1 failure, or a bug; 2 wrong input; 130 interrupted." in ended.out


@pytest.mark.parametrize("arguments", [(), ("objectives",), ("plugins",), ("config",)])
def test_a_command_without_its_part_shows_the_help_and_ends_with_2(upo: Upo, arguments: tuple[str, ...]) -> None:
    ended = upo(*arguments)
    assert ended.code == 2
    assert "Usage: upo" in ended.out
    assert "error" not in ended.err


def test_a_terminal_that_lacks_greek_letters_still_gets_the_help(upo_process: UpoProcess) -> None:
    ended = upo_process("train", "--help", PYTHONIOENCODING="ascii")
    assert ended.code == 0
    assert "?: weight of" in ended.out


def test_what_is_no_terminal_gets_no_escape_codes(upo_process: UpoProcess) -> None:
    for arguments in (["--help"], ["objectives", "list"], ["objectives", "show", "dop"], ["--nope"]):
        ended = upo_process(*arguments)
        assert ended.out + ended.err
        assert "\x1b" not in ended.out + ended.err
