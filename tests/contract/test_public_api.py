"""The public names are what they are: removing or renaming one is a decision, not an accident."""

from __future__ import annotations

import importlib
import inspect

import pytest

import upo_sdk

PUBLIC = {
    "upo_sdk": """DataConfig EvalConfig EvaluationRecord LoraConfig LossConfig ModelConfig ObjectiveRef PluginPolicy
        Registry RunConfig RunPlan RunRecord ScoreConfig ScoredCorpus TrainingConfig UPOError UnifiedLoss __version__
        align evaluate load_registry load_run plan_run score""",
    "upo_sdk.errors": """CancelledError ConfigError DataError DuplicateNameError HubError JudgeError ModelError
        ObjectiveFailedError ObjectiveRefError OfflineError OutputError PartlyScoredError PluginError TrainingError
        UPOError UnknownObjectiveError did_you_mean""",
    "upo_sdk.events": """CacheUsed Callback CancelToken CheckpointSaved Event Notice PlanReady Progress RunFinished
        ScoreStatistics ScoresReady SharedWork StepLogged emit""",
    "upo_sdk.objectives": """AuxiliaryObjective BaseObjective Checkable Completion Fingerprinted FittedToData Measuring
        MeasuringHarm NameList Needs Objective Options Parallel PreferenceBatch PreferenceLoss PreferenceObjective
        Remarking TokenLogps auxiliary_objective""",
    "upo_sdk.plugin": "DatasetFormatSpec HookSpecs ObjectiveSpec hookimpl load_target source_sha256",
    "upo_sdk.classifiers": """HUB_ID Window classifier_fingerprint config_sha256 files_sha256 hub_folder hub_source
        is_complete load_classifier load_tokenizer require_network safe_batch_size token_limit
        window_logits windows""",
    "upo_sdk.testing": "CheckFailedError CheckResult check_objective parametrize_checks run_checks",
    "upo_sdk.config": """DataConfig EvalConfig JudgeConfig LoraConfig LossConfig ModelConfig ObjectiveRef PluginPolicy
        RunConfig Schedule ScoreConfig TrainingConfig build_config build_eval_config build_score_config merge preset
        presets read_config_file to_yaml written_name""",
    "upo_sdk.evaluation.judge": "check_judge judge_answers judge_pairs",
    "upo_sdk.evaluation": "Answers Prompt Sampling distinct_prompts sample_answers",
    "upo_sdk.records": """AdvantageWeights Balance CacheUse Changeable Chat Compared Cost DataDescription
        DataFinding Direction DistributionsRecord Estimate EvaluationRecord Failure FileRecord
        FoundRun Histogram JudgeIdentity JudgeKind LeftOut LengthBin LineRecord Metric MetricsRow
        ModelIdentity Origin PairMargin ParetoAxis PointFailure PointRecord PositionBias Record
        RewardDistribution RunAdapter RunData RunLoss RunModel RunObjective RunRecord RunStatus Sample Saving
        ScoreStatistics SharedWork SweepAxis SweepPoint SweepRecord SweepRow TrainedWith Verdict
        WinRate find_runs load_run""",
    "upo_sdk.loss": """AuxiliaryBatch AuxiliaryTerm Balance GradientParts PreferenceTerm UnifiedLoss
        UnifiedOutput ValueHead actor_loss advantage_weights attribute_weights balance effective_sample_size
        expectile_loss gradient_metrics parameter_gram""",
}

PARAMETERS = {
    "align": ["config", "registry", "plugins", "callbacks", "cancel", "command"],
    "evaluate": ["config", "registry", "callbacks", "cancel"],
    "load_registry": ["policy"],
    "plan_run": ["config", "registry"],
    "score": ["config", "registry", "callbacks", "cancel"],
}


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_of_a_module_are_the_documented_ones(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module].split())


@pytest.mark.parametrize("module", PUBLIC)
def test_the_list_of_public_names_is_sorted_and_importable(module: str) -> None:
    loaded = importlib.import_module(module)
    assert list(loaded.__all__) == sorted(loaded.__all__)
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_parameters_of_the_public_functions_stay(name: str) -> None:
    assert list(inspect.signature(getattr(upo_sdk, name)).parameters) == PARAMETERS[name]


def test_lazy_names_are_the_objects_of_their_modules_and_unknown_ones_are_errors() -> None:
    from upo_sdk.config import RunConfig
    from upo_sdk.run import align

    assert upo_sdk.RunConfig is RunConfig
    assert upo_sdk.align is align
    assert set(dir(upo_sdk)) == set(upo_sdk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = upo_sdk.train  # type: ignore[attr-defined]
