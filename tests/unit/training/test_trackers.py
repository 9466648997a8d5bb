"""Which trackers there are, and what they call a metric."""

from __future__ import annotations

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.training.trackers import TRACKERS
from upo_sdk.training.tracking import check_trackers, shown_names


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_sdk.training.tracking.find_spec", lambda name: None if name == "mlflow" else name)


@pytest.mark.parametrize("text", ["none", "", " none "])
def test_none_is_no_tracker(text: str) -> None:
    assert check_trackers(text) == ()


def test_several_trackers_are_named_with_commas() -> None:
    assert check_trackers("tensorboard, WandB,tensorboard") == ("tensorboard", "wandb")


def test_a_tracker_that_is_not_installed_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(ConfigError) as caught:
        check_trackers("tensorboard,mlflow")
    assert str(caught.value) == "'mlflow' is not installed\n  where: `training.report_to`\n  fix: pip install mlflow"


def test_an_mlflow_that_has_no_store_is_refused_unless_there_is_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_sdk.training.tracking.find_spec", lambda name: name if name == "mlflow" else None)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigError, match="SQLAlchemy"):
        check_trackers("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert check_trackers("mlflow") == ("mlflow",)


@pytest.mark.parametrize("text", ["all", "comet_ml", "none,wandb"])
def test_what_is_not_supported_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_trackers(text)
    assert ", ".join(TRACKERS) in str(caught.value)


def test_the_summary_of_a_run_has_names_that_no_tracker_treats_differently() -> None:
    logs = {"train_runtime": 1.0, "train_loss": 2.0, "total_flos": 0.0, "eval_loss": 3.0, "loss": 4.0, "epoch": 1.0}
    assert shown_names(logs) == {"runtime": 1.0, "mean_loss": 2.0, "eval_loss": 3.0, "loss": 4.0, "epoch": 1.0}
