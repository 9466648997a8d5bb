"""Generation keeps to our settings and to the model's positions, whatever the model brings."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from architectures import ids, make_model
from transformers import BloomConfig, GenerationConfig, LlamaConfig, MptConfig, Phi3Config, XLNetConfig

from upo_sdk.cache import ContentCache
from upo_sdk.config import ModelConfig
from upo_sdk.demo import demo_model_path
from upo_sdk.errors import ConfigError, DataError
from upo_sdk.evaluation.answers import Prompt, fit_prompts, sample_answers
from upo_sdk.evaluation.generation import Draw, Sampling, generate_ids
from upo_sdk.policy import load_language_model, load_tokenizer
from upo_sdk.policy.positions import positions, prompt_room

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ODD = {
    "max_length": 5,
    "min_new_tokens": 20,
    "no_repeat_ngram_size": 1,
    "repetition_penalty": 3.0,
    "num_beams": 3,
    "num_return_sequences": 2,
    "forced_eos_token_id": 3,
    "suppress_tokens": [4, 5, 6],
    "stop_strings": ["a"],
    "do_sample": True,
    "top_k": 1,
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return load_tokenizer(ModelConfig(path=str(demo_model_path())))


def test_nothing_of_the_models_own_generation_settings_changes_an_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    lm = load_language_model(ModelConfig(path=str(demo_model_path())))
    draws = [Draw(tokenizer("Customer: Hello?\nAgent:")["input_ids"], number) for number in range(3)]
    plain = generate_ids(lm, tokenizer, draws, Sampling(max_new_tokens=6))
    odd = GenerationConfig(eos_token_id=lm.generation_config.eos_token_id)  # type: ignore[no-untyped-call, union-attr]
    for name, value in ODD.items():
        setattr(odd, name, value)
    lm.generation_config = odd
    assert generate_ids(lm, tokenizer, draws, Sampling(max_new_tokens=6)) == plain
    assert lm.generation_config is odd


def test_all_tokens_of_a_list_of_end_tokens_end_an_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    lm = load_language_model(ModelConfig(path=str(demo_model_path())))
    draw = Draw(tokenizer("Customer: Hello?\nAgent:")["input_ids"], 0)
    (plain,) = generate_ids(lm, tokenizer, [draw], Sampling(max_new_tokens=6))
    lm.generation_config.eos_token_id = [plain[2], plain[4]]  # type: ignore[union-attr]
    assert generate_ids(lm, tokenizer, [draw], Sampling(max_new_tokens=6)) == [plain[: plain.index(plain[2]) + 1]]


def _longrope() -> PreTrainedModel:
    factors = {"short_factor": [1.0] * 4, "long_factor": [8.0] * 4}
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 12, **factors}
    return make_model("phi3", rope_parameters=rope, original_max_position_embeddings=12)


@pytest.mark.parametrize("make", [_longrope, lambda: make_model("gpt2"), lambda: make_model("mamba")])
def test_a_longer_neighbour_changes_no_answer_also_where_rope_is_switched_by_length(
    make: Any, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    lm, prompts = make(), [Prompt(text=f"{size}", ids=ids(size, size)) for size in (4, 20)]
    together, alone = (
        sample_answers(
            lm, tokenizer, prompts, Sampling(max_new_tokens=6), ContentCache(tmp_path / name), weights="", batch_size=n
        ).ids
        for name, n in (("together", 2), ("alone", 1))
    )
    assert together == alone


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LlamaConfig(max_position_embeddings=100), 100),
        (MptConfig(max_seq_len=80), 80),
        (BloomConfig(), None),
        (XLNetConfig(), None),  # says -1
    ],
)
def test_positions_are_found_under_their_names(config: Any, expected: int | None) -> None:
    assert positions(config) == expected


def test_the_room_of_a_prompt_is_what_the_smallest_model_leaves() -> None:
    models = [LlamaConfig(max_position_embeddings=100), Phi3Config(max_position_embeddings=70), XLNetConfig()]
    assert prompt_room(models, 64, setting="max_new_tokens") == 6
    assert prompt_room([XLNetConfig()], 64, setting="max_new_tokens") is None
    with pytest.raises(ConfigError, match="70 positions: with 70 new tokens, none is left for a prompt") as caught:
        prompt_room(models, 70, setting="max_new_tokens")
    assert caught.value.fix == "lower it: `max_new_tokens=35` leaves 35 tokens for a prompt"


def test_a_prompt_without_room_is_shortened_at_its_beginning_and_that_is_said_once(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    own = copy.deepcopy(tokenizer)
    own.bos_token = own.convert_ids_to_tokens(9)
    told = list[str]()
    long, short = Prompt(text="long " * 30, ids=[9, 1, 2, 3, 4, 5]), Prompt(text="short", ids=[9, 7])
    fitted = fit_prompts([long, short], 3, own, told.append)
    assert [list(prompt.ids) for prompt in fitted] == [[9, 4, 5], [9, 7]]
    assert len(told) == 1
    assert told[0].startswith("1 of 2 prompts have more than the 3 tokens")
    assert "for example 'long long" in told[0]
    assert fit_prompts([long], None, own, told.append) == [long]
    assert len(told) == 1


def test_a_conversation_without_room_loses_its_oldest_turns_and_keeps_its_system_turn(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    chat = copy.deepcopy(tokenizer)
    chat.chat_template = (
        "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    system, first = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "My printer is loud. " * 9}
    said, last = {"role": "assistant", "content": "Oh."}, {"role": "user", "content": "What can I do?"}
    left = "system: Be kind.\nuser: What can I do?\nassistant:"
    room = len(chat(left, add_special_tokens=False)["input_ids"])
    told = list[str]()
    whole = [prompt_of(chat, [system, first, said, last]), prompt_of(chat, [system, first])]
    (fitted,) = fit_prompts(whole, room, chat, told.append)
    assert chat.decode(list(fitted.ids)) == left
    assert fitted.messages == [system, last]
    assert "2 of 2 prompts" in told[0]
    assert "oldest turns are cut off, and 1 whose last turn alone is too long are left out" in told[0]
    with pytest.raises(DataError, match="no prompt is short enough"):
        fit_prompts(whole[1:], room, chat, told.append)


def prompt_of(tokenizer: Any, messages: list[dict[str, str]]) -> Prompt:
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return Prompt(text=text, ids=tokenizer(text, add_special_tokens=False)["input_ids"], messages=messages)
