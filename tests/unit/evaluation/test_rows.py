from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import datasets
import pytest
from chat_templates import chat_tokenizer

from upo_sdk.cache import ContentCache
from upo_sdk.config.sections import DataConfig
from upo_sdk.context import RunContext
from upo_sdk.data import load_preference_data
from upo_sdk.evaluation.answers import Prompt
from upo_sdk.evaluation.rows import EvalRows, choose_prompts, same_prompts, same_tokens, tokenize_rows
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData


def rows(*texts: str) -> EvalRows:
    distinct = list(dict.fromkeys(texts))
    return EvalRows(
        dataset=datasets.Dataset.from_dict({"prompt": list(texts)}),
        prompts=[Prompt(text=text, ids=[len(text)]) for text in distinct],
        prompt_R=[distinct.index(text) for text in texts],
    )


def test_what_the_template_leaves_out_is_told(load_pairs: Callable[..., PreferenceData], tmp_path: Path) -> None:
    said = {role: [{"role": role, "content": "x"}] for role in ("user", "assistant")}
    chosen = [{"role": "assistant", "content": "y", "reasoning_content": "because it is so"}]
    data = load_pairs({"prompt": said["user"], "chosen": chosen, "rejected": said["assistant"]})
    told = list[Any]()

    class Listener:
        def on_event(self, event: Any) -> None:
            told.append(event)

    context = RunContext.of([Listener()], cache=ContentCache(tmp_path / "cache.sqlite"))
    tokenize_rows(data.train, chat_tokenizer("chatml"), DataConfig(path="x"), context, room=None)
    (warning,) = [event for event in told if isinstance(event, Notice) and event.level == "warning"]
    assert warning.text.startswith("evaluation data: the chat template leaves out 'reasoning_content' of assistant")


@pytest.fixture
def load_pairs(tmp_path: Path) -> Callable[..., PreferenceData]:
    def load(*given: dict[str, Any]) -> PreferenceData:
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
        return load_preference_data(DataConfig(path=str(path)))

    return load


def test_all_rows_of_a_chosen_prompt_are_kept_in_the_data_s_order() -> None:
    data = datasets.Dataset.from_dict({"prompt": ["a", "b", "a", "c", "b"], "row": [1, 2, 3, 4, 5]})
    assert choose_prompts(data, 3) is data
    chosen = choose_prompts(data, 2)
    kept = set(chosen["prompt"])
    assert len(kept) == 2
    assert chosen["row"][:] == [row for row, text in zip(range(1, 6), data["prompt"], strict=True) if text in kept]


def test_neither_the_order_of_the_data_nor_a_smaller_number_changes_which_prompts_are_chosen() -> None:
    texts = [f"prompt {number}" for number in range(40)]
    forwards = set(choose_prompts(datasets.Dataset.from_dict({"prompt": texts}), 10)["prompt"])
    backwards = set(choose_prompts(datasets.Dataset.from_dict({"prompt": texts[::-1]}), 10)["prompt"])
    fewer = set(choose_prompts(datasets.Dataset.from_dict({"prompt": texts}), 4)["prompt"])
    assert forwards == backwards
    assert len(forwards) == 10
    assert fewer < forwards


def test_prompts_that_only_one_tokenizer_kept_are_left_out_of_both() -> None:
    one, other = same_prompts(rows("a", "b", "a", "c"), rows("b", "c", "d"))
    assert [prompt.text for prompt in one.prompts] == [prompt.text for prompt in other.prompts] == ["b", "c"]
    assert one.dataset["prompt"][:] == ["b", "c"]
    assert (one.prompt_R, other.prompt_R) == ([0, 1], [0, 1])


def test_the_first_row_of_a_prompt_is_found() -> None:
    assert rows("b", "a", "b", "c").first_rows() == [0, 1, 3]


@pytest.mark.parametrize("changed", ["nothing", "token", "template"])
def test_tokenizers_are_the_same_if_tokens_and_template_are(changed: str, model_folder: Callable[[str], Path]) -> None:
    from transformers import AutoTokenizer

    load: Any = AutoTokenizer.from_pretrained
    one, other = (load(model_folder("llama")) for _ in range(2))
    if changed == "token":
        other.add_tokens(["<new>"])
    if changed == "template":
        other.chat_template = "{{ messages }}"
    assert same_tokens(one, other) is (changed == "nothing")
