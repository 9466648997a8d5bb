"""Every preference loss that TRL has is TRL's, in value and gradient, and has TRL's defaults."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from upo_plugins.cpo.options import CPOOptions
from upo_plugins.dpo.objective import LOSSES
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.options import KTOOptions
from upo_plugins.orpo.options import ORPOOptions

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic import BaseModel

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trl_equality.py"

pytestmark = pytest.mark.skipif(importlib.util.find_spec("trl") is None, reason="the extra `peer` is not installed")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trl_equality", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL's experimental trainers announce themselves
        spec.loader.exec_module(module)
    return module


def test_every_loss_has_the_value_and_gradient_of_trl(benchmark: ModuleType) -> None:
    found = {case.objective: benchmark.compare(case, [0, 1]) for case in benchmark.CASES}
    assert {name: row for name, row in found.items() if row.error > benchmark.TOLERANCE} == {}
    assert all(row.slope > 1e-4 for row in found.values())
    for loss_type in LOSSES:
        assert any(f"loss_type={loss_type}" in name for name in found), f"{loss_type} is not compared"


def test_another_loss_would_be_noticed(benchmark: ModuleType) -> None:
    wrong = benchmark.Case("dpo,beta=0.101", benchmark.trl_dpo, {"loss_types": ["sigmoid"]})
    assert benchmark.compare(wrong, [0]).error > benchmark.TOLERANCE


@pytest.mark.usefixtures("benchmark")  # imports TRL once, without its warnings
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
