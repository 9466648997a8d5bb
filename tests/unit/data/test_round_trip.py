"""Texts that do not come back from their tokens are told; what tokenizers do to blanks is no loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chat_templates import chat_tokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from upo_sdk.data import tokenize
from upo_sdk.data.text_check import RoundTrip

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

LIST = "Do this:\n1. Gather what you need.\n2. NOW boil   an egg.\n\tIt's done, do not wait."


def bytes_with(*steps: Any) -> Any:
    """Return a tokenizer of bytes, as GPT-2's, behind steps that change texts."""
    tokenizer = chat_tokenizer("chatml")
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(list(steps))
    return tokenizer


def prefix_space() -> Any:
    """Return a tokenizer of bytes that puts a blank in front of every text."""
    tokenizer = chat_tokenizer("chatml")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer


def metaspace(*, byte_fallback: bool = True) -> Any:
    """Return a tokenizer of the kind of Llama 2: blanks are marks, unknown letters are bytes or ``<unk>``."""
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "\n", "\t"]
    vocabulary = {token: number for number, token in enumerate([*known, *map(chr, range(33, 127))])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>", byte_fallback=byte_fallback))
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    raw.add_special_tokens([AddedToken(token, special=True) for token in known[:3]])
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def word_pieces(*, lowercase: bool) -> Any:
    """Return a tokenizer of the kind of BERT."""
    letters = [chr(code) for code in range(33, 127)]
    known = ["[UNK]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    raw = Tokenizer(models.WordPiece({token: number for number, token in enumerate(known)}, unk_token="[UNK]"))
    raw.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]", eos_token="[SEP]")


def lost(tokenizer: Any, text: str) -> list[str]:
    ids = tokenizer(text, add_special_tokens=True)["input_ids"]
    return [note.partition("\t")[2] for note in RoundTrip(tokenizer).of([[text]], [text], [ids])]


@pytest.mark.parametrize(
    "tokenizer",
    [
        bytes_with(normalizers.NFC()),
        bytes_with(normalizers.NFKC()),
        prefix_space(),
        metaspace(),
    ],
    ids=["byte-level NFC", "byte-level NFKC", "prefix space", "metaspace"],
)
@pytest.mark.parametrize("text", [LIST, f" {LIST}\n", "Cafe\u0301 ﬁne… 日本\r\n☃️ \u200bend", "don't do that , ok ?"])
def test_common_tokenizers_are_silent(tokenizer: Any, text: str) -> None:
    assert lost(tokenizer, text) == []


def test_a_tokenizer_of_words_may_change_the_blanks_between_them() -> None:
    assert lost(word_pieces(lowercase=False), "Well , I do not know (yet). It's fine!") == []


@pytest.mark.parametrize(
    ("tokenizer", "detail"),
    [
        (bytes_with(normalizers.Replace("\n", " ")), r"line breaks, as in 'Do this:\n1. Gather what…'"),
        (bytes_with(normalizers.Lowercase()), r"capital letters, as in 'Do this:\n1. Gat…'"),
        (bytes_with(normalizers.Replace("\n", " "), normalizers.Lowercase()),
         r"line breaks and capital letters, as in 'Do this:\n1. Gat…'"),
        (bytes_with(normalizers.Replace("b", "")), r"characters, as in '…u need.\n2. NOW boil   an egg.\n…'"),
        (word_pieces(lowercase=False), r"line breaks, as in 'Do this:\n1. Gather what…'"),
    ],
    ids=["line breaks", "capitals", "both", "a letter", "BERT"],
)  # fmt: skip
def test_what_is_lost_is_named_with_an_example(tokenizer: Any, detail: str) -> None:
    assert lost(tokenizer, LIST) == [detail]


def test_characters_that_the_tokenizer_does_not_know_are_lost() -> None:
    tokenizer = metaspace(byte_fallback=False)
    expected = "characters that it does not know, as in '…uild a snowman ☃ now'"
    assert lost(tokenizer, "Build a snowman ☃ now") == [expected]


def test_one_row_in_a_hundred_is_looked_at_until_something_is_lost_and_every_row_with_an_unknown_character() -> None:
    tokenizer = bytes_with(normalizers.Lowercase())
    check = RoundTrip(tokenizer)

    def found(text: str) -> bool:
        return bool(check.of([[text]], [text], [tokenizer(text)["input_ids"]]))

    assert not any(found("small") for _ in range(20))  # rows 1 to 20
    assert not any(found("Big") for _ in range(79))  # rows 21 to 99
    assert found("Big")  # row 100
    assert all(found("Big") for _ in range(5))
    knows_few = metaspace(byte_fallback=False)
    check = RoundTrip(knows_few)
    texts = [*["small"] * 30, "a ☃"]
    seen = [check.of([[text]], [text], [knows_few(text)["input_ids"]]) != [] for text in texts]
    assert seen == [False] * 30 + [True]


def test_lost_line_breaks_are_told_once_for_the_data_and_not_where_there_are_none(
    load: Callable[..., PreferenceData],
) -> None:
    tokenizer = bytes_with(normalizers.Replace("\n", " "))
    rows = [{"prompt": "Q:", "chosen": chosen, "rejected": " No."} for chosen in (" One.", " 1.\n2.", " One\ntwo.")]
    (found,) = tokenize(load(*rows).train, tokenizer, max_length=50, max_prompt_length=None).findings
    assert (found.kind, found.rows, found.first_row) == ("lost_in_tokens", 2, 2)
    assert r"loses line breaks, as in 'Q: 1.\n2.'" in found.text


def test_of_a_conversation_the_contents_are_compared_and_not_what_the_template_writes(
    load: Callable[..., PreferenceData],
) -> None:
    said = {"prompt": ("user", "Hi there"), "chosen": ("assistant", "Good"), "rejected": ("assistant", "Bad")}
    row = {name: [{"role": role, "content": content}] for name, (role, content) in said.items()}
    tokenizer = bytes_with(normalizers.Replace("\n", " "))
    assert tokenize(load(row).train, tokenizer, max_length=99, max_prompt_length=None).findings == ()
    row["chosen"][0]["content"] = "Good\nday"
    (found,) = tokenize(load(row).train, tokenizer, max_length=99, max_prompt_length=None).findings
    assert found.detail == r"line breaks, as in 'Good\nday'"
