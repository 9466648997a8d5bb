"""Pushing a run to a stand-in of the hub: what is checked before, what is sent, and what a failure leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from upo_cli.main import build_app
from upo_sdk.config import RunConfig
from upo_sdk.errors import ConfigError, HubError, OfflineError, OutputError
from upo_sdk.publish.hub import check_hub, create_repository
from upo_sdk.publish.push import push_after_run, push_run
from upo_sdk.training.arguments import training_arguments

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Hub

    from upo_sdk.events import Event

pytestmark = pytest.mark.network

TOKEN = "hf_standinstandinstandinstandin"

TINY = ["-o", "toxicity:0.3", "--max_steps", "2", "--gate_steps", "1", "--eval_prompts", "4"]


@pytest.fixture
def here(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Make the stand-in the hub of this process."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return hub


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return what a finished run leaves, as far as pushing goes."""
    folder = tmp_path / "my run"
    (folder / "checkpoint-2").mkdir(parents=True)
    manifest = {
        "status": "completed",
        "command": f"upo train --model {tmp_path}/secret/base",
        "model": {"path": f"{tmp_path}/secret/base", "weights_sha256": "0" * 64},
        "data": {"description": "2 pairs", "fingerprint": "1" * 64},
        "objectives": [],
        "seed": 1,
    }
    config = {"model": {"path": f"{tmp_path}/secret/base"}, "output_dir": str(folder), "push_to_hub": True}
    texts = {
        "run.json": json.dumps(manifest),
        "config.resolved.yaml": yaml.safe_dump(config),
        "README.md": '# my run\nmodel="my run"\n',
        "eval.json": json.dumps({"samples": [{"prompt": "a private question"}], "seed": 1}),
        "samples.jsonl": '{"prompt": "a private question"}\n',
        "report.html": "<p>a private question</p>",
        "events.log": "not for others",
        "checkpoint-2/model.safetensors": "old",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def wanted(**values: Any) -> RunConfig:
    return RunConfig.model_validate({"push_to_hub": True, "output_dir": "out", **values})


@pytest.mark.slow
def test_a_push_that_fails_keeps_the_run_and_the_line_it_prints_pushes_it(
    hub: Hub, upo: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    hub.lfs, hub.refuse = (".safetensors",), {"/commit/main": 503}
    failed = upo("train", *TINY, "--output_dir", str(tmp_path / "run"), "--push_to_hub", "--hub_private_repo")
    assert failed.returncode == 1, failed.stderr
    line = failed.stderr.partition("To push it again: upo ")[2].splitlines()[0]
    assert hub.created == [{"name": "run", "organization": "ada", "visibility": "private"}]

    hub.refuse = {}
    pushed = upo(*line.split())
    assert pushed.returncode == 0, pushed.stderr
    assert pushed.stdout.strip() == f"pushed: {hub.address}/ada/run"
    assert hub.files["model.safetensors"] == (tmp_path / "run" / "model.safetensors").read_bytes()
    assert {"tokenizer.json", "config.json", "README.md", "run.json", "metrics.jsonl"} <= hub.files.keys()
    assert 'model="ada/run"' in hub.files["README.md"].decode()

    written = [path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()]
    for content in [*written, *hub.files.values(), failed.stdout.encode(), failed.stderr.encode()]:
        assert TOKEN.encode() not in content
    for name, content in hub.files.items():
        assert str(tmp_path).encode() not in content, name


def test_one_commit_holds_model_card_and_records_and_no_text_of_the_data(here: Hub, run: Path) -> None:
    assert push_run(run, "ada/new") == f"{here.address}/ada/new"
    assert sorted(here.files) == ["README.md", "config.resolved.yaml", "eval.json", "model.safetensors", "run.json"]
    assert not any(b"private question" in content for content in here.files.values())


def test_what_shows_texts_of_the_data_is_pushed_when_asked(here: Hub, run: Path) -> None:
    push_run(run, "ada/new", samples=True)
    assert all(b"private question" in here.files[name] for name in ("report.html", "samples.jsonl", "eval.json"))


def test_paths_of_the_machine_stay_here_and_the_pushed_settings_push_nothing(
    here: Hub, run: Path, tmp_path: Path
) -> None:
    push_run(run, "ada/new")
    assert not any(str(tmp_path).encode() in content for content in here.files.values())
    assert yaml.safe_load(here.files["config.resolved.yaml"]) == {"model": {"path": "base"}, "output_dir": "my run"}
    assert json.loads(here.files["run.json"])["command"] == "upo train --model base"


def test_the_card_is_called_as_the_repository(here: Hub, run: Path) -> None:
    push_run(run, "ada/new")
    assert here.files["README.md"].decode() == '# my run\nmodel="ada/new"\n'


def test_a_failed_push_is_a_warning_with_the_line_to_push_again(here: Hub, run: Path) -> None:
    here.refuse = {"/commit/main": 403}
    seen: list[Event] = []

    class Listener:
        def on_event(self, event: Event, /) -> None:
            seen.append(event)

    assert push_after_run(run, "ada/new", [Listener()]) is None
    assert f"upo push '{run}' --hub_model_id ada/new" in seen[-1].text  # type: ignore[union-attr]


def test_a_run_without_a_model_is_not_pushed(here: Hub, run: Path) -> None:
    (run / "model.safetensors").unlink()
    with pytest.raises(OutputError, match="not finished"):
        push_run(run, "ada/new")
    assert here.requests == []


def test_a_folder_that_is_no_run_is_not_pushed(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no run"):
        push_run(tmp_path, "ada/new")


@pytest.mark.parametrize(
    ("name", "full"), [(None, "ada/out"), ("mine", "ada/mine"), ("club/ours", "club/ours")], ids=str
)
def test_the_plan_has_the_full_name_of_the_repository(here: Hub, name: str | None, full: str) -> None:
    assert check_hub(wanted(hub_model_id=name)).hub_model_id == full
    assert here.created == []  # a plan creates nothing


def test_nothing_is_asked_of_the_hub_without_push_to_hub(here: Hub) -> None:
    config = RunConfig()
    assert check_hub(config) is config
    assert here.requests == []


def test_a_repository_without_push_to_hub_is_refused() -> None:
    with pytest.raises(ConfigError, match="a hub repository is set"):
        check_hub(RunConfig(hub_model_id="ada/new"))


def test_without_a_token_the_run_is_refused(here: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(HubError, match="no access token"):
        check_hub(wanted())
    assert here.requests == ["HEAD /"]


@pytest.mark.usefixtures("here")
def test_a_token_that_is_not_valid_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(HubError, match="401") as caught:
        check_hub(wanted())
    assert "HF_TOKEN" in str(caught.value)
    assert "hf_wrong" not in str(caught.value)


def test_a_token_that_may_only_read_is_refused(here: Hub) -> None:
    here.role = "read"
    with pytest.raises(HubError, match="only read"):
        check_hub(wanted())


def test_a_repository_of_others_is_refused_before_any_work(here: Hub) -> None:
    here.refuse = {"/auth-check/write": 403}
    with pytest.raises(HubError, match="403") as caught:
        create_repository("others/model", private=False)
    assert "`hub_model_id`" in str(caught.value)


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_push_is_refused_where_the_network_is_forbidden(
    here: Hub, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(OfflineError, match=variable):
        check_hub(wanted())
    assert here.requests == []


@pytest.mark.usefixtures("here")
def test_an_impossible_name_is_refused() -> None:
    with pytest.raises(HubError, match="cannot be the name"):
        check_hub(wanted(hub_model_id="my model!"))


def test_a_token_has_no_place_in_the_settings(tmp_path: Path) -> None:
    config = RunConfig.model_validate({"training": {"arguments": {"hub_token": "hf_x"}}})
    with pytest.raises(ConfigError, match="HF_TOKEN") as caught:
        training_arguments(config.training, tmp_path, evaluate=False)
    assert "hf_x" not in str(caught.value)


def test_the_command_refuses_before_training(here: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    train = ["train", *TINY, "--output_dir", str(tmp_path / "out"), "--push_to_hub"]
    done = CliRunner().invoke(build_app(load=["train"]), train, prog_name="upo")
    assert done.exit_code == 2
    assert "hf auth login" in done.stderr
    assert not (tmp_path / "out").exists()
    assert here.created == []
