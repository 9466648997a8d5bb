from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.data import tokenize
from upo_sdk.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]
    MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

BOS, EOS, USER, ASSISTANT, AB = 0, 1, 3, 4, 999


def codes(text: str) -> list[int]:
    return [ord(character) for character in text]


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, str]:
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def first_row(data: PreferenceData, tokenizer: Any, max_length: int = 100) -> tuple[list[int], list[list[int]]]:
    row = tokenize(data.train, tokenizer, max_length=max_length, max_prompt_length=None).dataset[0]
    return row["prompt_ids"], row["response_ids"]


def test_a_response_follows_its_prompt_and_ends_in_one_eos(load: Load, make_tokenizer: MakeTokenizer) -> None:
    prompt, responses = first_row(load(pair("Q:", " y", " no")), make_tokenizer())
    assert prompt == codes("Q:")
    assert responses == [[*codes(" y"), EOS], [*codes(" no"), EOS]]


def test_an_eos_already_in_the_text_is_not_doubled(load: Load, make_tokenizer: MakeTokenizer) -> None:
    _, responses = first_row(load(pair("Q:", "y</s>", "n</s></s>")), make_tokenizer())
    assert responses == [[*codes("y"), EOS], [*codes("n"), EOS]]


def test_a_tokenizer_without_eos_adds_none(load: Load, make_tokenizer: MakeTokenizer) -> None:
    _, responses = first_row(load(pair("Q:", "y", "n")), make_tokenizer(eos=False))
    assert responses == [codes("y"), codes("n")]


@pytest.mark.parametrize("prompt", ["Q", "<s>Q"])
def test_bos_stands_once_and_only_before_the_prompt(load: Load, make_tokenizer: MakeTokenizer, prompt: str) -> None:
    ids, responses = first_row(load(pair(prompt, "y", "n")), make_tokenizer(bos=True))
    assert ids == [BOS, ord("Q")]
    assert responses == [[ord("y"), EOS], [ord("n"), EOS]]


def test_a_merge_across_the_boundary_moves_it_back_for_both_responses(
    load: Load, make_tokenizer: MakeTokenizer
) -> None:
    prompt, responses = first_row(load(pair("xa", "bc", "d")), make_tokenizer())
    assert prompt == codes("x")
    assert responses == [[AB, ord("c"), EOS], [*codes("ad"), EOS]]


@pytest.mark.parametrize(("bos", "stand_in"), [(True, BOS), (False, EOS)])
def test_an_empty_prompt_becomes_one_token(
    load: Load, make_tokenizer: MakeTokenizer, *, bos: bool, stand_in: int
) -> None:
    prompt, responses = first_row(load(pair("", "y", "n")), make_tokenizer(bos=bos))
    assert prompt == [stand_in]
    assert responses == [[ord("y"), EOS], [ord("n"), EOS]]


def test_an_empty_prompt_with_nothing_to_stand_in_is_refused(load: Load, make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(DataError, match=r"row 1, column 'prompt': has no tokens"):
        first_row(load(pair("", "y", "n")), make_tokenizer(eos=False))


def test_the_prompt_is_cut_alike_for_both_responses(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(pair("0123456789", "yes", "n"))
    tokenized = tokenize(data.train, make_tokenizer(), max_length=8, max_prompt_length=None)
    row = tokenized.dataset[0]
    assert row["prompt_ids"] == codes("6789")
    assert row["response_ids"] == [[*codes("yes"), EOS], [ord("n"), EOS]]
    assert (tokenized.report.prompts_shortened, tokenized.report.tokens_dropped) == (1, 6)


def test_pairs_that_become_identical_are_left_out_and_counted(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(pair("p", "abcdX", "abcdY"), pair("p", "good", "bad"), pair("p", "12345", "12346"))
    tokenized = tokenize(data.train, make_tokenizer(), max_length=4, max_prompt_length=None)
    assert tokenized.dataset["row"][:] == [2]
    assert tokenized.report.pairs_left_out == 2
    assert "2 pairs became identical" in tokenized.report.describe()


def test_every_change_is_counted(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(
        pair("ab", "c", "d"),
        pair("wxyz", "ef", "g"),  # the prompt loses 3 of 4
        pair("xy", "efghi", "j"),  # the prompt loses 1, the first response 3 of 6
    )
    report = tokenize(data.train, make_tokenizer(), max_length=4, max_prompt_length=None).report
    assert (report.rows, report.responses) == (3, 6)
    assert (report.prompts_shortened, report.responses_shortened, report.tokens_dropped) == (2, 1, 7)
    assert report.describe() == (
        "truncated: 2 of 3 prompts lost their beginning, 1 of 6 responses their end (7 tokens); "
        "objectives score the shortened text"
    )


def test_the_same_rows_with_an_equal_tokenizer_are_read_from_the_cache(
    load: Load, make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [pair("wxyz", "ef", "g"), pair("p", "abcdX", "abcdY")]
    first = tokenize(load(*rows).train, make_tokenizer(), max_length=4, max_prompt_length=None)
    monkeypatch.setattr("upo_sdk.data.encoding.Encoder.encode", None)  # what is called now fails
    again = tokenize(load(*rows).train, make_tokenizer(), max_length=4, max_prompt_length=None)
    assert again.report == first.report
    assert again.dataset[:] == first.dataset[:]


@pytest.mark.parametrize(
    "changed", [{"max_length": 5}, {"max_prompt_length": 1}, {"tokenizer": {"bos": True}}, {"rows": "x"}]
)
def test_what_changes_the_tokens_is_tokenised_anew(
    load: Load, make_tokenizer: MakeTokenizer, changed: dict[str, Any]
) -> None:
    def run(*, rows: str = "e", tokenizer: dict[str, bool] | None = None, **limits: Any) -> list[int]:
        done: list[int] = []
        tokenize(
            load(pair("wxyz", rows, "g")).train,
            make_tokenizer(**(tokenizer or {})),
            **({"max_length": 4, "max_prompt_length": None} | limits),
            on_progress=lambda count, _total: done.append(count),
        )
        return done

    assert run() == [1]
    assert run() == []
    assert run(**changed) == [1]


def test_rows_that_are_bad_leave_no_cache_behind(load: Load, make_tokenizer: MakeTokenizer, own_cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="1 of 2 rows is bad"):
            first_row(load(pair("p", "ä", "ö"), pair("p", "a", "b")), make_tokenizer())
    assert not list((own_cache / "tokens").iterdir())


def test_a_chosen_part_of_the_rows_has_tokens_of_its_own(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(*(pair("p", f"good {n}", "bad") for n in range(5))).train
    for chosen in ([3, 1], [0, 4]):
        tokenized = tokenize(data.select(chosen), make_tokenizer(), max_length=50, max_prompt_length=None)
        assert tokenized.dataset["row"][:] == [number + 1 for number in chosen]


def test_if_every_pair_becomes_identical_nothing_is_trained(load: Load, make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(DataError, match="all 1 pairs become identical") as error:
        tokenize(load(pair("p", "abcdX", "abcdY")).train, make_tokenizer(), max_length=4, max_prompt_length=None)
    assert error.value.fix == "raise `data.max_length`"


def test_responses_of_the_same_unknown_characters_are_identical(load: Load, make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(DataError, match=r"are the same tokens\n"):
        first_row(load(pair("p", "ä", "ö")), make_tokenizer())


def test_the_other_columns_stay_and_labels_too(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load({"prompt": "p", "completion": "c", "label": False, "source": "s"})
    tokenized = tokenize(data.train, make_tokenizer(), max_length=9, max_prompt_length=None)
    row = tokenized.dataset[0]
    assert (row["row"], row["desirable"], row["response_ids"]) == (1, [False], [[ord("c"), EOS]])


def test_rows_selected_by_the_caller_are_the_rows_tokenised(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(*[pair(f"p{n}", "y", "n") for n in range(5)])
    chosen = data.train.select([4, 2])
    tokenized = tokenize(chosen, make_tokenizer(), max_length=9, max_prompt_length=None)
    assert tokenized.dataset["row"][:] == [5, 3]
    assert tokenized.dataset["prompt_ids"][:] == [codes("p4"), codes("p2")]


def test_progress_is_reported_in_rows(load: Load, make_tokenizer: MakeTokenizer) -> None:
    seen = list[tuple[int, int]]()
    data = load(*[pair(f"p{n}", "y", "n") for n in range(1500)])
    tokenize(data.train, make_tokenizer(), max_length=9, max_prompt_length=None, on_progress=lambda *n: seen.append(n))
    assert seen == [(1000, 1500), (1500, 1500)]


CHAT = {
    "prompt": [{"role": "user", "content": "hi"}],
    "chosen": [{"role": "assistant", "content": "yes"}],
    "rejected": [{"role": "assistant", "content": "no"}],
}


def test_conversations_go_through_the_chat_template(load: Load, make_tokenizer: MakeTokenizer) -> None:
    prompt, responses = first_row(load(CHAT), make_tokenizer(chat=True, bos=True))
    assert prompt == [USER, *codes("hi"), EOS, ord(" "), ASSISTANT]
    assert responses == [[*codes("yes"), EOS], [*codes("no"), EOS]]


def test_datasets_need_not_pickle_the_tokenizer_and_warns_of_nothing(
    load: Load, make_tokenizer: MakeTokenizer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A template that was rendered before, as the plan does, is a compiled function, which cannot be pickled."""
    monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)
    monkeypatch.setattr("datasets.fingerprint.fingerprint_warnings", {})
    tokenizer: Any = make_tokenizer(chat=True)
    tokenizer.cannot_be_pickled = (number for number in "")
    first_row(load(CHAT), tokenizer)
    assert caplog.text == ""


def test_conversations_without_a_chat_template_are_refused(load: Load, make_tokenizer: MakeTokenizer) -> None:
    with pytest.raises(ModelError) as error:
        first_row(load(CHAT), make_tokenizer())
    assert "chat template" in error.value.what
    assert error.value.fix


def test_what_the_template_refuses_is_reported_by_row(load: Load, make_tokenizer: MakeTokenizer) -> None:
    bad = CHAT | {"prompt": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]}
    with pytest.raises(DataError, match=r"1 of 2 rows is bad: row 2, .*no system turn"):
        first_row(load(CHAT, bad), make_tokenizer(chat=True))


def test_the_garbage_collector_runs_again_afterwards(load: Load, make_tokenizer: MakeTokenizer) -> None:
    first_row(load(pair("Q", "y", "n")), make_tokenizer())
    assert gc.isenabled()


def test_a_garbage_collector_that_was_off_stays_off(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data, tokenizer = load(pair("Q", "y", "n")), make_tokenizer()
    gc.disable()
    try:
        first_row(data, tokenizer)
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("damage", [b"", b"ARROW1 and nothing else", slice(0, -200)], ids=["empty", "other", "cut"])
@pytest.mark.parametrize("part", ["data", "tokens"])
def test_a_damaged_file_of_the_cache_is_made_again(
    load: Load, make_tokenizer: MakeTokenizer, own_cache: Path, part: str, damage: bytes | slice
) -> None:
    rows = [pair(f"Q{number}:", "y", "n") for number in range(20)]
    whole = tokenize(load(*rows).train, make_tokenizer(), max_length=100, max_prompt_length=None).dataset.to_list()
    (file,) = (own_cache / part).glob("*.arrow")
    content = file.read_bytes()
    file.unlink()  # the file of before may still be mapped into memory
    file.write_bytes(content[damage] if isinstance(damage, slice) else damage)
    again = tokenize(load(*rows).train, make_tokenizer(), max_length=100, max_prompt_length=None).dataset.to_list()
    assert again == whole
