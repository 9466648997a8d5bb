from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upo_cli.options import parse_value
from upo_cli.settings import UserSettings, resolve, with_beta
from upo_sdk.errors import ConfigError
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from upo_sdk.config import RunConfig


def _file(text: str) -> Path:
    path = Path("run.yaml")
    path.write_text(text)
    return path


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset() -> None:
    config = resolve(
        UserSettings(
            preset="paper",
            file=_file("model: m\ndata: d.jsonl\ntraining: {learning_rate: 1.0e-4, warmup_steps: 7}\n"),
            options={"training__learning_rate": "3e-4"},
        )
    )
    assert config.training.learning_rate == 3e-4
    assert config.training.warmup_steps == 7
    assert config.training.optim == "rmsprop"
    assert config.data is not None
    assert (config.data.path, config.data.max_length) == ("d.jsonl", 2048)


def test_objectives_on_the_command_line_replace_those_of_the_file() -> None:
    config = resolve(UserSettings(file=_file("objectives: [kto, lexical:0.2]"), objectives=["dpo", "toxicity:0.3"]))
    assert [str(ref) for ref in config.objectives] == ["dpo:1", "toxicity:0.3"]


def test_set_reaches_what_has_no_option_of_its_own() -> None:
    config = resolve(
        UserSettings(
            sets=["training.arguments.adam_beta2=0.95", "training.arguments.adam_epsilon=1e-8", "loss.lambda=2"]
        )
    )
    assert config.training.arguments == {"adam_beta2": 0.95, "adam_epsilon": 1e-8}
    assert config.loss.lambda_ == 2


def test_set_keeps_the_path_of_a_section_in_short_form() -> None:
    config = resolve(UserSettings(options={"data__path": "d.jsonl"}, sets=["data.max_rows=3"], file=_file("model: m")))
    assert config.data is not None
    assert (config.data.path, config.data.max_rows) == ("d.jsonl", 3)


def test_set_wins_over_the_option() -> None:
    assert resolve(UserSettings(options={"training__seed": "1"}, sets=["training.seed=2"])).training.seed == 2


def test_columns_are_text_on_both_sides() -> None:
    config = resolve(UserSettings(options={"data__path": "d", "data__columns": ["prompt=1", "chosen=good answer"]}))
    assert config.data is not None
    assert config.data.columns == {"prompt": "1", "chosen": "good answer"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.95", 0.95), ("1e-8", 1e-8), ("true", True), ("null", None), ("[a, b]", ["a", "b"]), ("-x", "-x"), ("", None)],
)
def test_values_of_set_are_yaml_with_exponents(text: str, value: object) -> None:
    assert parse_value(text) == value


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match="is not a YAML value"):
        parse_value("[a")


def test_plugins_load_by_default_and_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(UserSettings()).plugins.allow == "auto"
    file = _file("plugins: {allow: [acme]}")
    assert resolve(UserSettings(file=file)).plugins.allow == ("acme",)
    monkeypatch.setenv("UPO_PLUGINS", "other, third")
    assert resolve(UserSettings(file=file)).plugins.allow == ("other", "third")
    assert resolve(UserSettings(file=file, plugins="none")).plugins.allow == "none"


def test_blocks_and_requirements_of_file_and_command_line_add_up() -> None:
    file = _file("plugins: {block: [a], require: [b]}")
    policy = resolve(UserSettings(file=file, block_plugin=["c"], require_plugin=["d"])).plugins
    assert (policy.block, policy.require) == (("a", "c"), ("b", "d"))


def _betas(config: RunConfig) -> list[object]:
    return [ref.options.get("beta") for ref in config.objectives]


def test_beta_goes_to_the_preference_objectives_alone() -> None:
    config = resolve(UserSettings(objectives=["kto,beta=0.3", "length:0.1", "my_pkg:score:1"]))
    assert _betas(with_beta(config, "0.2", load_registry())) == ["0.2", None, None]
