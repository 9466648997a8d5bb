"""What a run folder holds, one typed record per file: written here, read here, and nowhere else.

| file | record |
|---|---|
| ``run.json`` | :class:`RunRecord`: what ``align`` returns |
| ``eval.json`` | :class:`EvaluationRecord`: what ``evaluate`` returns |
| ``samples.jsonl``, ``eval-samples.jsonl`` | :class:`Sample`, one a line |
| ``eval-pairs.jsonl`` | :class:`PairMargin`, one a line |
| ``metrics.jsonl`` | :class:`MetricsRow`, one a line |
| ``distributions.json`` | :class:`DistributionsRecord` |
| ``sweep.json`` | :class:`SweepRecord` |
| ``point.json`` | :class:`PointRecord`, in the run folders of a sweep |
| ``checkpoint-*/trained_with.json`` | :class:`TrainedWith` |

Each has a ``schema_version``; older ones are read, newer ones are an error that says so.
"""

from upo_sdk.records.base import FileRecord, LineRecord, Record
from upo_sdk.records.distributions import (
    AdvantageWeights,
    DistributionsRecord,
    Histogram,
    LengthBin,
    RewardDistribution,
)
from upo_sdk.records.evaluation import (
    Cost,
    DataDescription,
    Direction,
    Estimate,
    EvaluationRecord,
    Failure,
    JudgeIdentity,
    JudgeKind,
    Metric,
    ModelIdentity,
    PositionBias,
    Verdict,
    WinRate,
)
from upo_sdk.records.find_runs import FoundRun, find_runs
from upo_sdk.records.metrics import MetricsRow
from upo_sdk.records.run import (
    Balance,
    Chat,
    DataFinding,
    LeftOut,
    Origin,
    RunAdapter,
    RunData,
    RunLoss,
    RunModel,
    RunObjective,
    RunRecord,
    RunStatus,
    ScoreStatistics,
    load_run,
)
from upo_sdk.records.sample import Compared, PairMargin, Sample
from upo_sdk.records.sweep import (
    CacheUse,
    ParetoAxis,
    PointFailure,
    PointRecord,
    Saving,
    SharedWork,
    SweepAxis,
    SweepPoint,
    SweepRecord,
    SweepRow,
)
from upo_sdk.records.trained_with import Changeable, TrainedWith

__all__ = [
    "AdvantageWeights",
    "Balance",
    "CacheUse",
    "Changeable",
    "Chat",
    "Compared",
    "Cost",
    "DataDescription",
    "DataFinding",
    "Direction",
    "DistributionsRecord",
    "Estimate",
    "EvaluationRecord",
    "Failure",
    "FileRecord",
    "FoundRun",
    "Histogram",
    "JudgeIdentity",
    "JudgeKind",
    "LeftOut",
    "LengthBin",
    "LineRecord",
    "Metric",
    "MetricsRow",
    "ModelIdentity",
    "Origin",
    "PairMargin",
    "ParetoAxis",
    "PointFailure",
    "PointRecord",
    "PositionBias",
    "Record",
    "RewardDistribution",
    "RunAdapter",
    "RunData",
    "RunLoss",
    "RunModel",
    "RunObjective",
    "RunRecord",
    "RunStatus",
    "Sample",
    "Saving",
    "ScoreStatistics",
    "SharedWork",
    "SweepAxis",
    "SweepPoint",
    "SweepRecord",
    "SweepRow",
    "TrainedWith",
    "Verdict",
    "WinRate",
    "find_runs",
    "load_run",
]
