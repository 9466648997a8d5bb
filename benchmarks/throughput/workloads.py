"""What both sides train on: rows of text of known length, and the tokenizer that reads them."""

from __future__ import annotations

import gzip
import itertools
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

__all__ = ["Shape", "Workload", "grouped_by_length", "make_workload"]

SPREAD = 0.5
"""Lengths are uniform from half to one and a half: padding then takes 256/64 from 384 to about 800 positions a pair."""

END, PAD, UNKNOWN = "<|end|>", "<|pad|>", "<|unknown|>"

Row = dict[str, str]


@dataclass(frozen=True)
class Shape:
    """Mean tokens of a prompt and of a response; without them, the rows are real ones from a file."""

    name: str
    prompt: int = 0
    response: int = 0

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read ``256/64`` or ``human``."""
        if text == "human":
            return cls(text)
        prompt, response = text.split("/")
        return cls(text, int(prompt), int(response))


@dataclass(frozen=True)
class Workload:
    """The same rows in three orders, and their tokenizer.

    Attributes:
        orders: ``shuffled``; ``by-longest``, grouped by prompt and longer response, best where responses are padded
            rows; ``by-total``, grouped by prompt and both responses, best where a pair is one row.
    """

    tokenizer: PreTrainedTokenizerFast
    orders: Mapping[str, Sequence[Row]]
    prompt_tokens: int
    response_tokens: int


def make_workload(
    shape: Shape, *, vocabulary: int, count: int, warm_up: int, batch_size: int, human: Path | None, seed: int = 0
) -> Workload:
    """Make ``count`` rows of a shape, or take them from ``human``.

    The first ``warm_up`` rows are the same in all orders, so that what is timed after them is the same work.
    """
    rng = Random(seed)  # noqa: S311 - data, not secrets
    if shape.name == "human":
        rows = _read(human, rng)
        tokenizer, rows = _bpe(rows, vocabulary), rows[:count]
    else:
        words = _words(vocabulary - 3)
        tokenizer, rows = _word_level(words), [_row(shape, words, rng) for _ in range(count)]
    prompts, responses = zip(*(_lengths(row, tokenizer) for row in rows), strict=True)

    def grouped(measure: Callable[[tuple[int, int]], int]) -> list[Row]:
        keys = [prompt + measure(both) for prompt, both in zip(prompts, responses, strict=True)][warm_up:]
        order = grouped_by_length(keys, batch_size, Random(seed))  # noqa: S311 - data, not secrets
        return rows[:warm_up] + [rows[warm_up + index] for index in order]

    orders = {"shuffled": rows, "by-longest": grouped(max), "by-total": grouped(sum)}
    return Workload(tokenizer, orders, sum(prompts), sum(map(sum, responses)))


def grouped_by_length(lengths: Sequence[int], batch_size: int, rng: Random) -> list[int]:
    """Return an order whose batches hold rows of similar length, the batches in random order.

    That is what transformers' ``group_by_length`` does inside a mega-batch; done here, both sides read the same
    batches.
    """
    by_length = sorted(range(len(lengths)), key=lengths.__getitem__)
    batches = [by_length[start : start + batch_size] for start in range(0, len(by_length), batch_size)]
    rng.shuffle(batches)
    return [index for batch in batches for index in batch]


def _row(shape: Shape, words: Sequence[str], rng: Random) -> Row:
    def text(mean: int) -> str:
        return " ".join(rng.choices(words, k=rng.randint(round(mean * (1 - SPREAD)), round(mean * (1 + SPREAD)))))

    return {
        "prompt": text(shape.prompt),
        "chosen": " " + text(shape.response - 1),
        "rejected": " " + text(shape.response - 1),
    }


def _words(count: int) -> list[str]:
    """Return invented words of three syllables, which readability formulas and classifiers can read."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    return ["".join(parts) for parts in itertools.islice(itertools.product(syllables, repeat=3), count)]


def _word_level(words: Sequence[str]) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate((END, PAD, UNKNOWN, *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return _wrap(tokenizer)


def _bpe(rows: Sequence[Row], vocabulary: int) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, PAD, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for row in rows for text in row.values()), trainer)
    return _wrap(tokenizer)


def _wrap(tokenizer: Any) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, unk_token=UNKNOWN)


def _read(path: Path | None, rng: Random) -> list[Row]:
    """Read preference pairs; a response starts with a blank, so that prompt and response are separate tokens."""
    if path is None:
        raise SystemExit("the shape 'human' needs --human FILE with prompt, chosen and rejected per line")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    read = [json.loads(line) for line in content.decode("utf-8").splitlines()]
    rows = [
        {
            "prompt": row["prompt"].rstrip(),
            "chosen": " " + row["chosen"].strip(),
            "rejected": " " + row["rejected"].strip(),
        }
        for row in read
    ]
    rng.shuffle(rows)
    return rows


def _lengths(row: Row, tokenizer: PreTrainedTokenizerFast) -> tuple[int, tuple[int, int]]:
    prompt, chosen, rejected = (len(tokenizer(row[name])["input_ids"]) for name in ("prompt", "chosen", "rejected"))
    return prompt, (chosen + 1, rejected + 1)
