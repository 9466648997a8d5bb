"""A run of the demo, evaluated."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from upo_sdk import EvalConfig, EvaluationRecord, align, evaluate
from upo_sdk.config import DataConfig, ModelConfig, build_config
from upo_sdk.demo import demo_eval_path, demo_model_path
from upo_sdk.errors import CancelledError, ConfigError, ModelError
from upo_sdk.evaluation import answers as answers_module
from upo_sdk.evaluation.generation import generate_ids
from upo_sdk.events import Event, Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


PAIR_METRICS = ("accuracy", "margin", "accuracy/without_conflict")


@pytest.fixture(scope="module")
def run(shared_folder: Path) -> Path:
    """Return the folder of a short run of the demo; its caches stay in it, for all tests of this module."""
    folder = shared_folder / "demo"
    short = {"max_steps": 4, "per_device_train_batch_size": 4, "warmup_steps": 0}
    settings = {"objectives": ["toxicity:0.3"], "training": short, "loss": {"gate_steps": 2}, "eval_prompts": 0}
    with FileLock(shared_folder / "demo.lock"), pytest.MonkeyPatch.context() as patch:
        if not folder.exists():
            patch.setenv("UPO_CACHE_DIR", str(folder / "cache"))
            patch.setattr("upo_sdk.run.write_report_or_warn", lambda *_: None)
            align(build_config({**settings, "output_dir": str(folder / "run")}))
    return folder / "run"


@pytest.fixture(autouse=True)
def shared_cache(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPO_CACHE_DIR", str(run.parent / "cache"))


def config(run: Path, output_dir: Path, **changes: Any) -> EvalConfig:
    settings = {"model": run, "output_dir": output_dir, "eval_prompts": 12, "max_new_tokens": 32, **changes}
    return EvalConfig.model_validate(settings)


def without_time_and_place(path: Path) -> dict[str, Any]:
    written = json.loads((path / "eval.json").read_text(encoding="utf-8"))
    written.pop("created")
    written["config"].pop("output_dir")
    return written


def test_a_demo_run_is_evaluated_on_its_held_out_prompts_with_its_objectives_beside_its_base(
    run: Path, tmp_path: Path
) -> None:
    result = evaluate(config(run, tmp_path / "a"))
    assert (result.prompts, result.pairs, result.num_samples) == (12, 12, 1)
    assert result.data.split == "held-out"
    assert result.baseline is not None
    assert result.baseline.path == str(demo_model_path())
    assert list(result.metrics) == [
        "reward/toxicity",
        "toxicity",
        "rude",
        "helpful",
        "length/tokens",
        "length_ratio",
        "truncated",
        "repetition",
        "distinct_1",
        "distinct_2",
        "distinct_3",
        *(f"violations@{share}>{epsilon}" for share in ("10%", "20%", "100%") for epsilon in ("0.001", "0.1")),
        "kl",
        "accuracy",
        "margin",
        "accuracy/without_conflict",
    ]
    reward, toxicity = result.metrics["reward/toxicity"], result.metrics["toxicity"]
    assert toxicity.value.mean == pytest.approx(1 - reward.value.mean)
    assert toxicity.difference is not None
    assert toxicity.baseline is not None
    assert toxicity.difference.mean == pytest.approx(toxicity.value.mean - toxicity.baseline.mean)
    assert EvaluationRecord.model_validate_json((tmp_path / "a" / "eval.json").read_text("utf-8")) == result


def test_every_answer_and_every_pair_is_written_and_adds_up_to_the_means(run: Path, tmp_path: Path) -> None:
    result = evaluate(config(run, tmp_path, num_samples=2, samples=1))
    samples = [json.loads(line) for line in (tmp_path / "eval-samples.jsonl").read_text("utf-8").splitlines()]
    pairs = [json.loads(line) for line in (tmp_path / "eval-pairs.jsonl").read_text("utf-8").splitlines()]
    assert len(samples) == 24
    assert samples[0]["prompt"] == samples[1]["prompt"] != samples[2]["prompt"]
    assert len(result.samples) == 1
    assert result.samples[0].model_dump(mode="json") == samples[0]
    rude = [sample["measures"]["rude"]["model"] for sample in samples]
    assert sum(rude) / 24 == pytest.approx(result.metrics["rude"].value.mean)
    assert sum(pair["margin"] > 0 for pair in pairs) / 12 == pytest.approx(result.metrics["accuracy"].value.mean)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_changes_nothing_but_sampling(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(config(run, tmp_path / "one"))
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another cache"))
    evaluate(config(run, tmp_path / "same"))
    one = without_time_and_place(tmp_path / "one")
    assert one == without_time_and_place(tmp_path / "same")
    evaluate(config(run, tmp_path / "other", seed=7))
    other = without_time_and_place(tmp_path / "other")
    assert other["samples"] != one["samples"]
    assert other["metrics"]["kl"] != one["metrics"]["kl"]
    for name in PAIR_METRICS:
        assert other["metrics"][name] == one["metrics"][name]


def test_a_killed_evaluation_goes_on_where_it_was_and_the_base_answers_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(config(run, tmp_path / "undisturbed", batch_size=4))
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "fresh cache"))
    batches = list[int]()

    def counted(lm: Any, tokenizer: Any, draws: Sequence[Any], sampling: Any) -> list[list[int]]:
        if len(batches) == 4:
            raise KeyboardInterrupt
        batches.append(len(draws))
        return generate_ids(lm, tokenizer, draws, sampling)

    monkeypatch.setattr(answers_module, "generate_ids", counted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(config(run, tmp_path / "resumed", batch_size=4))
    assert not (tmp_path / "resumed" / "eval.json").exists()
    with pytest.raises(KeyboardInterrupt):  # three batches of the model and one of the baseline are there
        evaluate(config(run, tmp_path / "resumed", batch_size=4))
    del batches[2:]
    evaluate(config(run, tmp_path / "resumed", batch_size=4))
    assert batches == [4, 4, 4, 4]
    assert without_time_and_place(tmp_path / "resumed") == without_time_and_place(tmp_path / "undisturbed")
    batches.clear()
    evaluate(EvalConfig(model=ModelConfig(path="demo"), eval_prompts=12, max_new_tokens=32, output_dir=tmp_path / "b"))
    assert batches == []


def test_a_cancelled_evaluation_ends_within_a_batch_and_writes_nothing(run: Path, tmp_path: Path) -> None:
    class Cancel:
        def is_set(self) -> bool:
            return True

    with pytest.raises(CancelledError, match="finished work is kept"):
        evaluate(config(run, tmp_path / "x"), cancel=Cancel())
    assert not (tmp_path / "x").exists()


def test_objectives_and_data_that_are_given_go_before_those_of_the_run(run: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    pairs = [{"prompt": f"Customer: {n}?\nAgent:", "chosen": " Do this.", "rejected": " You idiot."} for n in range(4)]
    rows.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    result = evaluate(config(run, tmp_path / "a", data=rows, objectives=["length:1,target=9", "lexical"]))
    assert result.data.split == "given"
    assert result.prompts == 4
    assert {"reward/length", "reward/lexical", "grade", "length/words", "length/characters"} < set(result.metrics)
    assert not {"rude", "toxicity", "accuracy/without_conflict"} & set(result.metrics)


def test_beta_is_that_of_the_run_or_of_a_preference_objective_that_is_given(run: Path, tmp_path: Path) -> None:
    def margin(*objectives: str) -> float:
        return evaluate(config(run, tmp_path, objectives=objectives)).metrics["margin"].value.mean

    assert margin("length:1,target=9") == margin()
    assert margin("dpo,beta=0.5") == pytest.approx(5 * margin())


def test_a_model_beside_itself_has_no_accuracy_and_no_divergence(tmp_path: Path) -> None:
    events = list[Event]()

    class Heard:
        def on_event(self, event: Event, /) -> None:
            events.append(event)

    both = {"model": "demo", "baseline": "demo", "eval_prompts": 4, "max_new_tokens": 8, "output_dir": tmp_path}
    result = evaluate(EvalConfig.model_validate(both), callbacks=[Heard()])
    assert result.metrics["kl"].value.mean == 0
    assert "accuracy" not in result.metrics
    assert "eval-pairs.jsonl" not in [path.name for path in tmp_path.iterdir()]
    assert any(isinstance(event, Notice) and "the same weights" in event.text for event in events)
    finished = {event.task for event in events if isinstance(event, Progress) and event.done == event.total}
    assert {
        "answers of the model",
        "answers of the baseline",
        "log-probs of the data's responses by the model",
    } <= finished


def test_a_baseline_with_another_tokenizer_is_compared_by_its_texts_alone(
    run: Path, tmp_path: Path, model_folder: Any
) -> None:
    result = evaluate(config(run, tmp_path, baseline=model_folder("llama"), eval_prompts=3, max_new_tokens=8))
    assert result.metrics["toxicity"].difference is not None
    assert not {"kl", "accuracy", "margin"} & set(result.metrics)
    assert "different tokenizers" in " ".join(result.notices)


def test_single_completions_have_no_pairs_and_are_compared_with_the_desirable_ones(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Customer: {n}?\nAgent:", "completion": " You stupid idiot." if n % 2 else " Fine.", "label": n < 2}
        for n in range(4)
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"model": "demo", "data": data, "objectives": ["toxicity"], "max_new_tokens": 8, "output_dir": tmp_path}
    result = evaluate(EvalConfig.model_validate(settings))
    assert result.pairs == 0
    assert result.metrics["violations@100%>0.1"].value.count == 2
    assert result.samples[0].chosen == " Fine."


def test_conditions_are_read_before_anything_is_done_and_written_with_the_result(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'toxicity'"):
        evaluate(config(run, tmp_path / "no", fail_if=("toxicty>0.02",)))
    assert not (tmp_path / "no").exists()
    result = evaluate(config(run, tmp_path / "yes", fail_if=("toxicity>=0", "length_ratio>1000")))
    assert [verdict.holds for verdict in result.verdicts] == [True, False]
    assert [verdict.condition for verdict in result.failed] == ["toxicity>=0"]
    assert without_time_and_place(tmp_path / "yes")["verdicts"][0]["holds"] is True


def test_every_metric_that_is_measured_can_be_named_in_a_condition(run: Path, tmp_path: Path) -> None:
    names = evaluate(config(run, tmp_path)).metrics
    evaluate(config(run, tmp_path, fail_if=tuple(f"{name}>1e9" for name in names)))


def test_a_run_that_has_not_finished_is_refused_with_what_to_evaluate_instead(run: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished"
    (unfinished / "checkpoint-2").mkdir(parents=True)
    shutil.copy(run / "config.resolved.yaml", unfinished)
    with pytest.raises(ModelError, match="checkpoint-2"):
        evaluate(EvalConfig(model=ModelConfig(path=str(unfinished))))


def test_a_model_that_is_no_run_needs_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`data\.path`"):
        evaluate(EvalConfig(model=ModelConfig(path=str(demo_model_path())), output_dir=tmp_path))


def test_objectives_that_read_columns_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    settings = {"model": "demo", "objectives": ["column:conflict"], "eval_prompts": 2, "max_new_tokens": 4}
    result = evaluate(EvalConfig.model_validate({**settings, "output_dir": tmp_path}))
    assert "it is left out" in result.notices[-1]
    assert "reward/conflict" not in result.metrics


def test_the_demo_s_data_is_known_whichever_way_it_is_named(tmp_path: Path) -> None:
    data = DataConfig(path=str(demo_eval_path()), max_length=128)
    settings = {"model": demo_model_path(), "data": data, "eval_prompts": 2, "max_new_tokens": 4}
    result = evaluate(EvalConfig.model_validate({**settings, "output_dir": tmp_path}))
    assert {"rude", "helpful"} < set(result.metrics)


@pytest.mark.usefixtures("no_report")
def test_a_run_s_own_answers_are_those_of_its_evaluation(tmp_path: Path) -> None:
    """The same prompts, the same seed, the same sampling: every number that both have is the same."""
    objectives = ["dpo", "length:0.5,target=8,normalize=zscore", "lexical:0"]
    short = {"max_steps": 2, "per_device_train_batch_size": 4, "warmup_steps": 0, "seed": 7}
    settings = {"objectives": objectives, "training": short, "eval_prompts": 5, "output_dir": str(tmp_path / "run")}
    run = align(build_config(settings))
    found = evaluate(EvalConfig.model_validate({"model": str(run.output_dir), "eval_prompts": 5}))
    assert run.evaluation is not None
    assert {"reward/length", "normalized_reward/length", "reward/lexical"} <= run.evaluation.metrics.keys()
    assert {name: found.metrics[name] for name in run.evaluation.metrics} == run.evaluation.metrics
    assert (found.model.weights_sha256, found.seed) == (run.evaluation.model.weights_sha256, run.evaluation.seed)
