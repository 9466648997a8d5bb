"""Whatever the tokenizer, texts that begin alike get the ids of its own call, and common ones begin once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from upo_sdk.data import text_encoder
from upo_sdk.data.text_encoder import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PIECES = (
    *("the", "cat", "it's", "new", "york", "a", "I", "don't", "end", "12", "7", "3.5", "x2", "caf\u00e9", "cafe\u0301"),
    *("naïve", "слово", "слова", "한국어", "日本語です", "😀", "\u0301", "²"),
    *("...", "!", "?", "(", ")", "-", "_", "'", "'s"),
    *(" ", " ", " ", " ", " ", " ", " ", "  ", "   ", "\n", "\n\n", " \n", "\t", "\u00a0", "<s>", "</s>", "<mark>"),
)


def rows(seed: int, count: int) -> list[list[str]]:
    """Return prompts, each followed by two or three texts that go on from it."""
    generator = Random(seed)

    def text(longest: int) -> str:
        return "".join(generator.choices(PIECES, k=generator.randrange(longest)))

    prompts = [text(30) for _ in range(count)]
    return [[prompt, *(prompt + text(12) for _ in range(generator.choice([2, 3])))] for prompt in prompts]


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
LLAMA_3_WORDS = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
SPACES = [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
ONCE: dict[str, dict[str, Any]] = {
    "gpt2": {"pre": BYTES},
    "gpt2, prefix space": {"pre": pre_tokenizers.ByteLevel(add_prefix_space=True)},
    "llama 3": {"pre": LLAMA_3_WORDS, "bos": True},
    "qwen": {"pre": LLAMA_3_WORDS, "normalizer": normalizers.NFC()},
    "words": {"pre": pre_tokenizers.WhitespaceSplit()},
    "marks": {"pre": BYTES, "added": [AddedToken("<mark>", lstrip=True, rstrip=True)]},
}
WHOLE: dict[str, dict[str, Any]] = {
    "llama 2": {"normalizer": normalizers.Sequence(SPACES), "bos": True},
    "no words": {"pre": None},
    "lowercase": {"pre": BYTES, "normalizer": normalizers.Lowercase()},
    "blank behind": {"pre": pre_tokenizers.Split(" ", "merged_with_previous")},
    "eos behind": {"pre": BYTES, "eos": True},
    "a token of two words": {"pre": BYTES, "added": [AddedToken("new york")]},
    "a token with the blank behind it": {"pre": BYTES, "added": [AddedToken("the", rstrip=True)]},
}


def make(
    *, pre: Any = None, normalizer: Any = None, added: Sequence[AddedToken] = (), bos: bool = False, eos: bool = False
) -> PreTrainedTokenizerFast:
    """Return a tokenizer trained on such texts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<s>", "</s>", "<unk>"], show_progress=False)
    tokenizer.train_from_iterator([text for row in rows(1, 300) for text in row], trainer)
    if bos or eos:
        template = [*(["<s>"] if bos else []), "$A", *(["</s>"] if eos else [])]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=" ".join(template), special_tokens=[("<s>", 0), ("</s>", 1)]
        )
    tokenizer.add_tokens(list(added))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture
def cut_rows(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Collects the rows that are cut."""
    seen = list[Any]()
    cut = text_encoder._cut
    monkeypatch.setattr(text_encoder, "_cut", lambda texts: seen.append(texts) or cut(texts))
    return seen


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize(
    ("kind", "once"), [*((kind, True) for kind in ONCE), *((kind, False) for kind in WHOLE)], ids=str
)
def test_every_text_gets_the_ids_of_the_tokenizer_s_own_call(
    kind: str, *, once: bool, special: bool, cut_rows: list[Sequence[str]]
) -> None:
    tokenizer = make(**{**ONCE, **WHOLE}[kind])
    encoder = TextEncoder(tokenizer, add_special_tokens=special)
    encoder.encode(rows(2, 40))
    cut_rows.clear()
    others = rows(3, 400)
    for texts, found in zip(others, encoder.encode(others), strict=True):
        assert found == [tokenizer(text, add_special_tokens=special)["input_ids"] for text in texts]
    assert bool(cut_rows) == (once or (kind == "eos behind" and not special))


def test_a_prompt_is_cut_in_front_of_its_last_word() -> None:
    prompt = "the cat " * 50
    texts = [prompt + "end", prompt + "end it", prompt + "end a"]
    assert [first for first, _ in text_encoder._cut(texts)] == [prompt[:-1]] * 3
    assert [second for _, second in text_encoder._cut(texts)] == [" end", " end it", " end a"]


def test_texts_that_do_not_begin_alike_stay_whole() -> None:
    assert text_encoder._cut(["the cat sat", "a cat sat"]) == [("the cat sat", ""), ("a cat sat", "")]


def test_a_text_that_ends_the_last_word_elsewhere_stays_whole() -> None:
    assert text_encoder._cut(["a new cat", "a newer cat"]) == [("a new cat", ""), ("a newer cat", "")]


def test_a_batch_without_rows_decides_nothing(cut_rows: list[Sequence[str]]) -> None:
    encoder = TextEncoder(make(pre=BYTES), add_special_tokens=True)
    assert encoder.encode([]) == []
    assert len(encoder.encode(rows(2, 30))) == 30
    assert cut_rows
