from __future__ import annotations

import time
from typing import TYPE_CHECKING

import datasets
import pytest
from datasets import Dataset, DatasetDict
from huggingface_hub import constants

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data, source
from upo_sdk.errors import DataError, OfflineError

if TYPE_CHECKING:
    from pathlib import Path

NAME = "some-org/some-pairs"
ROWS = [{"prompt": "p", "chosen": "yes", "rejected": "no"}]


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_a_hub_name_while_offline_by_choice_ends_at_once(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    begin = time.monotonic()
    with pytest.raises(OfflineError) as error:
        load_preference_data(DataConfig(path=NAME))
    assert time.monotonic() - begin < 5
    assert variable in error.value.what
    assert error.value.where == NAME
    assert "`data.path=FILE.jsonl`" in str(error.value.fix)


@pytest.mark.enable_socket
def test_an_unreachable_hub_ends_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")  # nothing listens there
    begin = time.monotonic()
    with pytest.raises(OfflineError, match="cannot be reached"):
        load_preference_data(DataConfig(path=NAME))
    assert time.monotonic() - begin < 5


def test_a_reachable_hub_dataset_is_loaded_by_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "is_offline_by_choice", lambda: None)
    monkeypatch.setattr(source, "why_unreachable", lambda _url: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda name: {NAME: DatasetDict(test=Dataset.from_list(ROWS))}[name])
    data = load_preference_data(DataConfig(path=NAME, split="test"))
    assert data.train["responses"][:] == [["yes", "no"]]
    assert data.description.endswith(f"from {NAME}")


def test_a_hub_dataset_that_cannot_be_loaded_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> None:
        raise datasets.exceptions.DatasetNotFoundError("it does not exist")

    monkeypatch.setattr(source, "is_offline_by_choice", lambda: None)
    monkeypatch.setattr(source, "why_unreachable", lambda _url: None)
    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(DataError, match="it does not exist"):
        load_preference_data(DataConfig(path=NAME))


@pytest.mark.parametrize("path", ["/nowhere/data", "./nowhere", "a/b/c", "nowhere.jsonl"])
def test_what_cannot_be_a_hub_name_is_a_missing_file(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="there is no such file"):
        load_preference_data(DataConfig(path=path))
