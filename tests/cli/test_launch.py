"""``upo train`` in several processes: what is refused before any is started, and what the processes notice."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file

from upo_cli import launch
from upo_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence


def error_of(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments])
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ("fsdp", "did you mean 'fsdp2'?"),
        ("zero3", "ZeRO-3 is not supported"),
        ("zero2", "pip install deepspeed"),
        ("/no/file.yaml", "neither a configuration that comes with UPO nor a file"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_before_anything_starts(
    config: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    assert text in error_of(["--accelerate_config", config], capsys)


@pytest.mark.parametrize("engine", launch.ENGINES)
def test_accelerate_reads_the_configurations_that_come_with_the_command_line(engine: str) -> None:
    file = Path(launch.__file__).parent / "accelerate" / f"{engine}.yaml"
    config = load_config_from_file(str(file))
    assert {"DDP": "MULTI_GPU", "FSDP2": "FSDP", "ZERO2": "DEEPSPEED"}[engine.upper()] == config.distributed_type.value
    assert set(yaml.safe_load(file.read_text())) <= set(vars(config))


def test_a_launcher_that_started_one_process_in_place_of_several_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ACCELERATE_DYNAMO_BACKEND": "NO", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    assert "several processes were asked for, and the launcher started 1" in error_of([], capsys)
    monkeypatch.delenv("MASTER_PORT")
    assert "2 processes were asked for, and the launcher started 1" in error_of(["--num_processes", "2"], capsys)
