"""Every preference loss that TRL has is TRL's, in value and gradient, and has TRL's defaults."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.trl_equality.compare import TOLERANCE, compare
from upo_plugins.cpo.options import CPOOptions
from upo_plugins.dpo.objective import LOSSES
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.options import KTOOptions
from upo_plugins.orpo.options import ORPOOptions

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic import BaseModel


@pytest.fixture(scope="module")
def cases() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL's experimental trainers announce themselves
        return importlib.import_module("benchmarks.trl_equality.cases")


def test_every_loss_has_the_value_and_gradient_of_trl(cases: ModuleType) -> None:
    found = {case.objective: compare(case, [0, 1]) for case in cases.CASES}
    assert {name: row for name, row in found.items() if row.error > TOLERANCE} == {}
    assert all(row.slope > 1e-4 for row in found.values())
    for loss_type in LOSSES:
        assert any(f"loss_type={loss_type}" in name for name in found), f"{loss_type} is not compared"


def test_another_loss_would_be_noticed(cases: ModuleType) -> None:
    wrong = cases.Case("dpo,beta=0.101", cases.trl_dpo, {"loss_types": ["sigmoid"]})
    assert compare(wrong, [0]).error > TOLERANCE


@pytest.mark.usefixtures("cases")  # imports TRL once, without its warnings
@pytest.mark.parametrize(
    ("options", "config"),
    [
        (DPOOptions, "trl.DPOConfig"),
        (KTOOptions, "trl.KTOConfig"),
        (CPOOptions, "trl.experimental.cpo.CPOConfig"),
        (ORPOOptions, "trl.experimental.orpo.ORPOConfig"),
    ],
)
def test_defaults_are_those_of_trl(options: type[BaseModel], config: str) -> None:
    module, _, name = config.rpartition(".")
    theirs: dict[str, Any] = {
        field.name: field.default for field in fields(getattr(importlib.import_module(module), name))
    }
    ours = {key: field.default for key, field in options.model_fields.items() if key in theirs}
    if options is DPOOptions:
        assert ours.pop("loss_type") == "sigmoid"  # a list in TRL
    assert "beta" in ours
    assert ours == {key: theirs[key] for key in ours}
