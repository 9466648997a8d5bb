from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from upo_sdk.config import RunConfig, build_config, preset

if TYPE_CHECKING:
    from conftest import Upo


def test_the_starter_file_is_valid_and_changes_nothing_but_the_objectives(upo: Upo) -> None:
    assert upo("config", "init").code == 0
    settings = yaml.safe_load(Path("run.yaml").read_text())
    assert settings == {"objectives": ["dpo", "toxicity:0.3"]}
    validated = upo("config", "validate", "run.yaml")
    assert (validated.code, validated.out) == (0, "run.yaml is valid\n")


def test_the_starter_file_with_every_comment_taken_away_is_valid_too(upo: Upo) -> None:
    upo("config", "init")
    bare = re.sub(r"^# ( *[a-z_]+:)", r"\1", Path("run.yaml").read_text(), flags=re.MULTILINE)
    config = build_config(yaml.safe_load(bare))
    expected = build_config({"objectives": ["dpo", "toxicity:0.3"]})
    assert config.loss == expected.loss
    assert config.training == expected.training
    assert config.model is not None
    assert config.plugins.allow == "auto"


def test_the_starter_file_of_a_preset_holds_the_preset(upo: Upo) -> None:
    assert upo("config", "init", "--preset", "paper", "-o", "paper.yaml").code == 0
    written = build_config(yaml.safe_load(Path("paper.yaml").read_text()))
    expected = build_config(preset("paper"), {"model": "path/to/model", "data": "path/to/data.jsonl"})
    assert written == expected
    assert upo("config", "validate", "paper.yaml").code == 0


def test_a_file_that_exists_is_not_overwritten(upo: Upo) -> None:
    Path("run.yaml").write_text("mine")
    ended = upo("config", "init")
    assert ended.code == 2
    assert "exists and is not overwritten" in ended.err
    assert Path("run.yaml").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(upo: Upo) -> None:
    ended = upo("config", "init", "-o", "no/such/folder.yaml")
    assert ended.code == 2
    assert "no/such/folder.yaml" in ended.err


def test_the_starter_file_can_go_to_stdout(upo: Upo) -> None:
    assert yaml.safe_load(upo("config", "init", "-o", "-").out)["objectives"] == ["dpo", "toxicity:0.3"]
    assert list(Path().iterdir()) == []


def test_the_schema_is_that_of_the_configuration(upo: Upo) -> None:
    assert upo("config", "schema").data == RunConfig.model_json_schema(by_alias=True)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("lossy: {}", "did you mean 'loss'"),
        ("loss: {gama: 1}", "did you mean 'gamma'"),
        ("objectives: [dop]", "did you mean 'dpo'"),
        ("objectives: ['dpo,bta=1']", "did you mean 'beta'"),
        ("objectives: ['dpo,beta=-1']", "greater than 0"),
        ("training: [", "not valid YAML"),
        ("- dpo", "does not hold keys and values"),
        ("plugins: all", "plugins"),
        ("data: {max_rows: 3}", "no --data is given"),
    ],
)
def test_a_wrong_file_is_refused_with_2(upo: Upo, text: str, what: str) -> None:
    Path("run.yaml").write_text(text)
    ended = upo("config", "validate", "run.yaml")
    assert ended.code == 2
    assert what in ended.err


def test_a_dotted_path_is_said_to_be_unchecked(upo: Upo) -> None:
    Path("run.yaml").write_text("objectives: [dpo, 'my_rewards:score:1']")
    ended = upo("config", "validate", "run.yaml", "--json")
    assert ended.data["valid"] is True
    assert ended.data["unchecked"] == ["my_rewards:score"]
