"""Scoring a corpus: every row with its rewards as columns, and nothing else changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import ScoreConfig
from upo_sdk.corpus import DroppedRows, score
from upo_sdk.errors import CancelledError, ConfigError, DataError, UnknownObjectiveError
from upo_sdk.events import CacheUsed, Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event


def pair(number: int, words: int, **columns: Any) -> dict[str, Any]:
    """A pair whose chosen response has so many words; the rejected one has a word."""
    return {"prompt": f"q{number}", "chosen": "yes " * words, "rejected": "no", **columns}


class Received(list["Event"]):
    def on_event(self, event: Event, /) -> None:
        self.append(event)


def test_pairs_get_both_rewards_and_keep_their_columns(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any]
) -> None:
    rows = [pair(1, 4, id=7, tags=["a", None], note="café"), pair(2, 1, id=8)]
    _, written = score_with_length(corpus(rows))
    assert [list(row) for row in written] == [[*row, "reward/length"] for row in rows]
    assert [{name: row[name] for name in old} for row, old in zip(written, rows, strict=True)] == rows
    assert written[0]["reward/length"][0] == 1
    assert written[1]["reward/length"][0] == written[1]["reward/length"][1] == written[0]["reward/length"][1] < 1


@pytest.mark.parametrize("label", [{}, {"label": False}])
@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "completion": "one two three four"},
        {"instruction": "q", "input": "more", "output": "one two three four", "kto_tag": True},
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "one two three four"}]},
    ],
)
def test_single_completions_get_a_number_with_or_without_a_label(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], row: dict[str, Any], label: dict[str, Any]
) -> None:
    _, written = score_with_length(corpus([{**row, **label}]))
    assert written == [{**row, **label, "reward/length": 1.0}]


def test_the_rewards_of_a_pair_are_chosen_and_rejected_whatever_the_order_of_the_columns(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any]
) -> None:
    row = {"prompt": "q", "response_0": "no", "response_1": "one two three four", "better_response_id": 1}
    _, (written,) = score_with_length(corpus([row]))
    chosen, rejected = written["reward/length"]
    assert chosen == 1 > rejected


def test_statistics_are_of_all_completions_and_what_is_written_is_counted(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any]
) -> None:
    rows = [{"prompt": "q", "completion": "word " * words} for words in (4, 4, 1, 1)]
    result, written = score_with_length(corpus(rows), keep=["length>=1"])
    (found,) = result.rewards
    low = written[0]["reward/length"] and found.quantiles[0.0]
    assert (found.label, found.column, found.count) == ("length", "reward/length", 4)
    assert found.mean == pytest.approx((1 + low) / 2)
    assert (found.quantiles[0.5], found.quantiles[1.0]) == (pytest.approx((1 + low) / 2), 1)
    assert sum(found.histogram.counts) == 4
    assert (result.rows, result.written, result.dropped) == (4, 2, DroppedRows(keep=2))
    assert (found.cached, found.computed) == (0, 2)


def test_a_second_run_computes_nothing_and_writes_the_same(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], tmp_path: Path
) -> None:
    path, received = corpus([pair(n, n) for n in range(1, 6)]), Received()
    _, first = score_with_length(path)
    output = tmp_path / "again.jsonl"
    score(ScoreConfig(data=str(path), objectives=["length,target=4"], output=output), callbacks=[received])
    assert [json.loads(line) for line in output.read_text().splitlines()] == first
    assert [(event.found, event.computed) for event in received if isinstance(event, CacheUsed)] == [(10, 0)]


def test_a_run_that_is_cancelled_writes_nothing_and_its_work_is_kept(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], tmp_path: Path
) -> None:
    path, output = corpus([pair(n, n) for n in range(1, 300)]), tmp_path / "out.jsonl"

    class Cancel:
        """Set once something is scored."""

        done = False

        def is_set(self) -> bool:
            return self.done

        def on_event(self, event: Event, /) -> None:
            self.done = isinstance(event, Progress) and event.done > 0

    cancel = Cancel()
    config = ScoreConfig(data=str(path), objectives=["length,target=4"], output=output)
    with pytest.raises(CancelledError, match="scoring was cancelled"):
        score(config, callbacks=[cancel], cancel=cancel)
    assert [item for item in tmp_path.iterdir() if "out" in item.name] == []
    result, written = score_with_length(path)
    assert (result.rewards[0].cached, result.rewards[0].cached + result.rewards[0].computed) == (128, 598)
    assert len(written) == 299


def test_shards_are_disjoint_and_together_all_rows_in_order(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], tmp_path: Path
) -> None:
    path = corpus([pair(n, n) for n in range(1, 12)])
    _, whole = score_with_length(path)
    parts = [score_with_length(path, shard=f"{n}/4", output=tmp_path / f"{n}.jsonl")[1] for n in range(1, 5)]
    assert [row for part in parts for row in part] == whole
    assert {len(part) for part in parts} == {2, 3}


def test_an_objective_that_is_fitted_sees_the_whole_corpus_in_every_shard(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], tmp_path: Path
) -> None:
    texts = ["a rare zebra sleeps", "a common dog sleeps", "a common dog barks", "the common dog barks now"]
    path = corpus([{"prompt": "q", "completion": text} for text in texts])
    settings: dict[str, Any] = {"objectives": ["lexical,metric=rare_words"]}
    _, whole = score_with_length(path, **settings)
    parts = [score_with_length(path, shard=f"{n}/2", output=tmp_path / f"{n}.jsonl", **settings)[1] for n in (1, 2)]
    assert [row for part in parts for row in part] == whole


def test_rewards_that_the_data_has_are_read_and_not_computed(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any]
) -> None:
    rows = [pair(1, 4, **{"reward/length": [0.25, 0.5]}), pair(2, 4, **{"reward/length": [0.75, 0.5]})]
    result, written = score_with_length(corpus(rows), keep=["length.difference>0"])
    assert written == rows[1:]
    assert (result.rewards[0].mean, result.rewards[0].computed) == (0.5, 0)


def test_a_column_that_only_some_rows_have_is_not_replaced(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any]
) -> None:
    with pytest.raises(DataError, match="only some rows have the column 'reward/length'") as caught:
        score_with_length(corpus([pair(1, 4), pair(2, 4, **{"reward/length": [1, 0]})]))
    assert "as=OTHER" in str(caught.value.fix)


def test_bad_rows_stop_the_work_or_are_left_out_and_listed(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], tmp_path: Path
) -> None:
    path = corpus([pair(1, 4), {"prompt": "q", "chosen": "same", "rejected": "same"}])
    with pytest.raises(DataError, match="1 of 2 rows is bad: row 2"):
        score_with_length(path)
    assert not (tmp_path / "out").exists()
    result, written = score_with_length(path, data={"on_bad_rows": "drop"})
    assert (len(written), result.dropped) == (1, DroppedRows(bad=1))
    listed = json.loads((tmp_path / "out" / "scored.bad_rows.jsonl").read_text())
    assert (listed["row"], listed["column"]) == (2, "chosen")


def test_a_normalisation_is_left_to_training_and_said_to_be(
    corpus: Callable[..., Path], tmp_path: Path, score_with_length: Callable[..., Any]
) -> None:
    path, received = corpus([pair(1, 4), pair(2, 2)]), Received()
    _, plain = score_with_length(path)
    output = tmp_path / "normal.jsonl"
    objective = "length,target=4,normalize=zscore"
    score(ScoreConfig(data=str(path), objectives=[objective], output=output), callbacks=[received])
    assert [json.loads(line) for line in output.read_text().splitlines()] == plain
    assert [event for event in received if isinstance(event, Notice) and "normalize=zscore is left out" in event.text]


@pytest.mark.parametrize(
    ("settings", "error", "what"),
    [
        ({"objectives": []}, ConfigError, "there is no objective"),
        ({"objectives": ["dpo"]}, ConfigError, "'dpo' is a preference objective"),
        ({"objectives": ["lenght"]}, UnknownObjectiveError, "there is no objective 'lenght'"),
        ({"objectives": ["length,target=4,unit=tokens"]}, ConfigError, "'length' counts tokens"),
        ({"keep": ["lenght>1"]}, ConfigError, "no objective here has the label 'lenght'"),
        ({"keep": ["length"]}, ConfigError, "'length' is not a condition"),
        ({"best_of": "toxicity"}, ConfigError, "no objective here has the label 'toxicity'"),
        ({"best_of": "length", "shard": "1/2"}, ConfigError, "the best row of a prompt cannot be found in one shard"),
        ({"shard": "3/9"}, DataError, "shard 3 of 9 has no rows: the data has 2"),
        ({"shard": "two"}, ConfigError, "'two' is not a shard"),
        ({"shard": "0/2"}, ConfigError, "'0/2' is not a shard"),
        ({"shard": "3/2"}, ConfigError, "'3/2' is not a shard"),
        ({"data": {"eval_fraction": 0.1}}, ConfigError, "`data.eval_fraction` has no effect here"),
        ({"data": {"path": "empty.jsonl"}}, DataError, "there is no such file"),
    ],
)
def test_a_mistake_is_an_error_before_anything_is_written(
    corpus: Callable[..., Path],
    score_with_length: Callable[..., Any],
    tmp_path: Path,
    settings: dict[str, Any],
    error: type[Exception],
    what: str,
) -> None:
    path = corpus([pair(1, 4), pair(2, 2)])
    with pytest.raises(error, match=what):
        score_with_length(path, **settings)
    assert not (tmp_path / "out").exists()


def test_a_launcher_of_several_processes_is_refused(
    corpus: Callable[..., Path], score_with_length: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="scoring a corpus is one process"):
        score_with_length(corpus([pair(1, 4)]))
