"""UPO SDK: any preference loss plus designer objectives, offline, in one forward pass (arXiv 2405.17956).

Heavy names are imported on first use, so that ``import upo_sdk`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from upo_sdk.errors import UPOError

if TYPE_CHECKING:
    from upo_sdk.config import (
        DataConfig,
        EvalConfig,
        LoraConfig,
        LossConfig,
        ModelConfig,
        ObjectiveRef,
        PluginPolicy,
        RunConfig,
        ScoreConfig,
        TrainingConfig,
    )
    from upo_sdk.corpus import ScoredCorpus, score
    from upo_sdk.evaluation.evaluate import evaluate
    from upo_sdk.loss import UnifiedLoss
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.registry import Registry, load_registry
    from upo_sdk.records import EvaluationRecord, RunRecord, load_run
    from upo_sdk.run import align, plan_run

    __version__: str

__all__ = [
    "DataConfig",
    "EvalConfig",
    "EvaluationRecord",
    "LoraConfig",
    "LossConfig",
    "ModelConfig",
    "ObjectiveRef",
    "PluginPolicy",
    "Registry",
    "RunConfig",
    "RunPlan",
    "RunRecord",
    "ScoreConfig",
    "ScoredCorpus",
    "TrainingConfig",
    "UPOError",
    "UnifiedLoss",
    "__version__",
    "align",
    "evaluate",
    "load_registry",
    "load_run",
    "plan_run",
    "score",
]

_CONFIG = (
    "DataConfig",
    "EvalConfig",
    "LoraConfig",
    "LossConfig",
    "ModelConfig",
    "ObjectiveRef",
    "PluginPolicy",
    "RunConfig",
)
_LAZY = {
    **dict.fromkeys((*_CONFIG, "ScoreConfig", "TrainingConfig"), "upo_sdk.config"),
    **dict.fromkeys(("EvaluationRecord", "RunRecord", "load_run"), "upo_sdk.records"),
    **dict.fromkeys(("Registry", "load_registry"), "upo_sdk.plugin.registry"),
    **dict.fromkeys(("align", "plan_run"), "upo_sdk.run"),
    **dict.fromkeys(("ScoredCorpus", "score"), "upo_sdk.corpus"),
    "RunPlan": "upo_sdk.plan",
    "UnifiedLoss": "upo_sdk.loss",
    "evaluate": "upo_sdk.evaluation.evaluate",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("upo-sdk")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    msg = f"module 'upo_sdk' has no attribute '{name}'"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
