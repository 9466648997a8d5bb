"""Configuration files: layers, short forms, round trip, and errors that name the key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from upo_sdk.config import DataConfig, RunConfig, build_config, merge, preset, presets, read_config_file, to_yaml
from upo_sdk.errors import ConfigError


def test_later_layers_win_and_untouched_values_stay() -> None:
    config = build_config(
        {"model": "a", "data": {"path": "x.jsonl", "max_length": 64}, "training": {"seed": 1, "max_steps": 5}},
        {"data": "y.jsonl", "training": {"seed": 2}},
    )
    assert config.data is not None
    assert (config.data.path, config.data.max_length) == ("y.jsonl", 64)
    assert (config.training.seed, config.training.max_steps) == (2, 5)


def test_the_resolved_yaml_reads_back_to_the_same_configuration() -> None:
    config = build_config({"model": "m", "objectives": ["dpo:1,beta=0.2", "toxicity:0.3"], "loss": {"lambda": 2}})
    assert build_config(yaml.safe_load(to_yaml(config))) == config


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('model = "m"\n[loss]\nlambda = 2.0\n', encoding="utf-8")
    (tmp_path / "a.yaml").write_text("model: m\nloss: {lambda: 2.0}\n", encoding="utf-8")
    assert read_config_file(tmp_path / "a.toml") == read_config_file(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("settings", "place", "hint"),
    [
        ({"trainnig": {}}, "trainnig", "did you mean 'training'"),
        ({"training": {"learning_rat": 1}}, "training.learning_rat", "did you mean 'learning_rate'"),
        ({"loss": {"lamda": 1}}, "loss.lamda", "did you mean 'lambda'"),
        ({"loss": {"gamma": -1}}, "loss.gamma", "upo config schema"),
        ({"training": {"max_steps": "many"}}, "training.max_steps", "upo config schema"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_a_way_out(settings: dict[str, object], place: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(settings, where="run.yaml")
    assert caught.value.where == f"run.yaml: {place}"
    assert hint in (caught.value.fix or "")


def test_gamma_is_given_or_found_in_the_data_but_not_both() -> None:
    with pytest.raises(ConfigError, match="leave out gamma"):
        build_config({"loss": {"gamma": 1, "scale": "balanced"}})
    config = build_config({"loss": {"scale": "balanced"}})
    assert build_config(yaml.safe_load(to_yaml(config))) == config  # with every default written out


@pytest.mark.parametrize("text", ["a: [", "just words", "- 1\n- 2"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"not valid YAML|does not hold keys"):
        read_config_file(tmp_path / "run.yaml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config_file(tmp_path / "nothing.yaml")


def test_every_preset_validates_once_it_has_data() -> None:
    assert presets() == ["paper"]
    config = build_config(preset("paper"), {"model": "m", "data": "d.jsonl"})
    assert (config.training.optim, config.loss.value_coefficient) == ("rmsprop", 0.1)
    with pytest.raises(ConfigError, match="no preset"):
        preset("papre")


def test_merge_changes_neither_of_its_arguments() -> None:
    under, over = {"loss": {"gamma": 1}}, {"loss": {"lambda": 2}}
    assert merge(under, over) == {"loss": {"gamma": 1, "lambda": 2}}
    assert (under, over) == ({"loss": {"gamma": 1}}, {"loss": {"lambda": 2}})


def test_a_configuration_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().output_dir = Path("elsewhere")  # type: ignore[misc]


def test_the_place_of_data_is_a_path_or_a_list_of_them() -> None:
    assert build_config({"data": ["a.jsonl", "b.jsonl"]}).data == DataConfig(path=("a.jsonl", "b.jsonl"))
    assert build_config({"data": {"path": ["a.jsonl"]}}).data == DataConfig(path="a.jsonl")
    config = build_config({"data": {"path": ["a.jsonl:1", "b.jsonl:2"]}})
    assert build_config(yaml.safe_load(to_yaml(config))) == config
    for wrong in (5, [], "", [""], [5]):
        with pytest.raises(ConfigError, match="give a path, or a list of paths"):
            build_config({"data": {"path": wrong}})
