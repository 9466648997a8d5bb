"""Local judges: tiny models made here, loaded as any other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from upo_sdk.cache import ContentCache
from upo_sdk.config import JudgeConfig
from upo_sdk.errors import CancelledError, ModelError, ObjectiveRefError
from upo_sdk.evaluation.judge import check_judge, judge_answers
from upo_sdk.events import Notice, Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.evaluation.judge import WinRate

WORDS = ["[PAD]", "[UNK]", "<user>", "<assistant>", "A", "B", "tie", "good", "bad", "word", "request", "answer", "end"]
TEMPLATE = "<user> {{ messages[0]['content'] }}{% if add_generation_prompt %} <assistant> {% endif %}"
SMALL: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.5,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": None,
}
PROMPTS = [f"request {number}" for number in range(6)]
MINE = ["good good", "word", "bad word answer", "good", "answer good word", "bad"]
OTHERS = ["bad", "word end", "good", "good", "end", "word bad good"]


def tokenizer(words: list[str] = WORDS, **settings: Any) -> PreTrainedTokenizerFast:
    raw = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", pad_token="[PAD]", **settings)


@pytest.fixture
def chat_model(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves a tiny instruction model."""

    def save(name: str = "chat", positions: int = 512, words: list[str] = WORDS, **settings: Any) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            LlamaForCausalLM(LlamaConfig(max_position_embeddings=positions, **SMALL)).save_pretrained(tmp_path / name)
        tokenizer(words, **{"chat_template": TEMPLATE, **settings}).save_pretrained(tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def reward_model(tmp_path: Path) -> Path:
    """Save a tiny reward model."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = LlamaConfig(num_labels=1, max_position_embeddings=64, **SMALL)
        LlamaForSequenceClassification(settings).save_pretrained(tmp_path / "reward")
    tokenizer().save_pretrained(tmp_path / "reward")
    return tmp_path / "reward"


@pytest.fixture
def judge(own_cache: Path) -> Callable[..., WinRate]:
    def run(target: str, mine: list[str] = MINE, others: list[str] = OTHERS, **more: Any) -> WinRate:
        settings = more.pop("settings", {})
        cache = ContentCache(own_cache / "cache.sqlite")
        return judge_answers(
            PROMPTS[: len(mine)], mine, others, JudgeConfig(target=target, **settings), cache=cache, **more
        )

    return run


def by_hand(folder: Path, question: str) -> str:
    """Return the likeliest of A, B and tie after one question, read alone and without padding."""
    words = ["<user>", *question.split(), "<assistant>"]
    ids = torch.tensor([[WORDS.index(word) if word in WORDS else 1 for word in words]])
    model: Any = LlamaForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = model(ids).logits[0, -1]
    return max(("A", "B", "tie"), key=lambda word: float(logits[WORDS.index(word)]))


def test_an_instruction_model_is_asked_in_both_orders_and_answers_by_its_next_token(
    chat_model: Any, judge: Any, tmp_path: Path
) -> None:
    folder, template = chat_model(), tmp_path / "template.txt"
    template.write_text("request {prompt} A {first} B {second} end", encoding="utf-8")
    found = judge(f"lm:{folder}", settings={"template": template, "batch_size": 3})
    points = {"A": 1.0, "tie": 0.5, "B": 0.0}
    expected = []
    for prompt, mine, other in zip(PROMPTS, MINE, OTHERS, strict=True):
        straight = points[by_hand(folder, f"request {prompt} A {mine} B {other} end")]
        swapped = points[by_hand(folder, f"request {prompt} A {other} B {mine} end")]
        mean = 0.5 if mine == other else (straight + 1 - swapped) / 2
        expected.append(1.0 if mean > 0.5 else 0.0 if mean < 0.5 else 0.5)
    assert (found.wins, found.ties, found.losses) == tuple(expected.count(value) for value in (1.0, 0.5, 0.0))
    assert found.win_rate.mean == pytest.approx(100 * sum(expected) / 6)
    assert found.identical == 1
    assert found.position is not None
    assert found.cost.requests == 10
    assert found.cost.prompt_tokens > 0


def test_neither_the_batch_size_nor_the_random_state_changes_a_verdict_nor_is_it_touched(
    chat_model: Any, judge: Any, own_cache: Path
) -> None:
    folder = chat_model()
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    one = judge(f"lm:{folder}", settings={"batch_size": 1})
    assert torch.equal(before, torch.random.get_rng_state())
    (own_cache / "cache.sqlite").unlink()
    many = judge(f"lm:{folder}", settings={"batch_size": 16})
    same = {"cost": one.cost, "remarks": ()}
    assert many.model_copy(update=same) == one.model_copy(update=same)


def test_verdicts_of_a_local_model_are_kept_and_belong_to_its_weights(chat_model: Any, judge: Any) -> None:
    folder = chat_model()
    judge(f"lm:{folder}")
    assert judge(f"lm:{folder}").cost.requests == 0
    model = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight.add_(0.1)
    model.save_pretrained(folder)
    assert judge(f"lm:{folder}").cost.requests == 10


def test_a_question_longer_than_the_context_is_a_failure_and_not_cut(chat_model: Any, judge: Any) -> None:
    found = judge(f"lm:{chat_model(positions=150)}", ["good", "word " * 100], ["bad", "bad"])
    assert [(item.reason, item.pairs) for item in found.failures] == [("too long for the judge", 1)]
    assert "150 positions" in found.failures[0].example
    assert found.pairs == 1


def test_many_long_questions_do_not_keep_the_short_ones_from_being_asked(chat_model: Any, own_cache: Path) -> None:
    mine, prompts = ["word " * 100] * 20 + ["good"], [f"request {number}" for number in range(21)]
    config = JudgeConfig(target=f"lm:{chat_model(positions=150)}")
    found = judge_answers(prompts, mine, ["bad"] * 21, config, cache=ContentCache(own_cache / "cache.sqlite"))
    assert found.pairs == 1
    assert found.failures[0].pairs == 20
    assert not any("ended early" in remark for remark in found.remarks)


def test_the_judges_own_generation_settings_do_not_decide(chat_model: Any, judge: Any, own_cache: Path) -> None:
    folder = chat_model()
    plain = judge(f"lm:{folder}")
    (own_cache / "cache.sqlite").unlink()
    odd = '{"repetition_penalty": 5.0, "suppress_tokens": [4], "num_beams": 2, "stop_strings": ["A"]}'
    (folder / "generation_config.json").write_text(odd, encoding="utf-8")
    assert judge(f"lm:{folder}").model_copy(update={"cost": plain.cost}) == plain


def test_a_wide_threshold_makes_everything_a_tie(chat_model: Any, reward_model: Path, judge: Any) -> None:
    for target in (f"lm:{chat_model()}", f"hf:{reward_model}"):
        assert judge(target, settings={"threshold": 1e6}).ties == 6


def test_a_model_that_never_learnt_to_chat_is_told_of(chat_model: Any, judge: Any) -> None:
    heard: list[str] = []

    class Listener:
        def on_event(self, event: Any, /) -> None:
            heard.extend([event.text] if isinstance(event, Notice) else [])

    found = judge(f"lm:{chat_model(chat_template=None)}", callbacks=[Listener()])
    assert "has no chat template" in heard[0]
    assert found.pairs == 6


def test_a_model_without_the_words_is_refused(chat_model: Any, judge: Any) -> None:
    words = [word if word not in {"A", "B"} else f"<{word}>" for word in WORDS]
    with pytest.raises(ModelError, match="no token for 'A'"):
        judge(f"lm:{chat_model(words=words)}")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 1 // 0 }}", "fails on a question: ZeroDivisionError"),
        ("{% for", "refuses a question"),
        ("{% set x = 1 %}", "writes nothing"),
        ({"rag": TEMPLATE, "tool_use": TEMPLATE}, "several chat templates and none of them is the default"),
    ],
)
def test_a_judge_whose_chat_template_does_not_work_is_refused(
    chat_model: Any, judge: Any, template: Any, said: str
) -> None:
    folder = chat_model(chat_template=template)
    with pytest.raises(ModelError, match=said) as caught:
        judge(f"lm:{folder}")
    assert caught.value.where == f"lm:{folder}"


def test_a_judge_that_is_not_there_is_one_clear_error(judge: Any, tmp_path: Path) -> None:
    for kind in ("lm", "hf"):
        with pytest.raises(ModelError, match="there is no") as caught:
            judge(f"{kind}:{tmp_path}/none")
        assert caught.value.where == f"{kind}:{tmp_path}/none"


def test_what_is_wrong_with_a_local_judge_is_said_without_loading_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no") as caught:
        check_judge(JudgeConfig(target=f"lm:{tmp_path}/none"))
    assert "`judge.target=lm:MODEL`" in (caught.value.fix or "")
    with pytest.raises(ObjectiveRefError, match="has no option 'imput'"):
        check_judge(JudgeConfig(target="hf:org/model,imput=pair"))


def test_the_higher_reward_wins(reward_model: Path, judge: Any) -> None:
    found = judge(f"hf:{reward_model},input=response")
    model: Any = LlamaForSequenceClassification.from_pretrained(reward_model).eval()

    def reward(text: str) -> float:
        with torch.no_grad():
            return float(model(torch.tensor([[WORDS.index(word) for word in text.split()]])).logits)

    signs = [reward(mine) - reward(other) for mine, other in zip(MINE, OTHERS, strict=True)]
    assert found.wins == sum(sign > 0 for sign in signs)
    assert found.losses == sum(sign < 0 for sign in signs)
    assert (found.ties, found.identical) == (1, 1)
    assert found.position is None
    assert found.judge.template_sha256 is None


@pytest.mark.parametrize("kind", ["lm", "hf"])
def test_a_local_judge_can_be_stopped(kind: str, chat_model: Any, reward_model: Path, judge: Any) -> None:
    cancel = threading.Event()

    class Stopper:
        def on_event(self, event: Any, /) -> None:
            if isinstance(event, Progress):
                cancel.set()

    target = f"lm:{chat_model()}" if kind == "lm" else f"hf:{reward_model}"
    with pytest.raises(CancelledError, match="judging was stopped"):
        judge(target, cancel=cancel, callbacks=[Stopper()], settings={"batch_size": 2})
