"""Token ids of texts with a common beginning, which is tokenised once if that cannot change the result."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from transformers import PreTrainedTokenizerBase

__all__ = ["Ids", "TextEncoder"]

Ids = list[int]

_PROBES = 20
"""Rows on which a faster way is compared with the tokenizer's own call."""

_BLANK = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")
"""A single blank between two letters: a tokenizer that splits words does so in front of it, whatever stands around."""
_LAST_BLANK = re.compile(r"(?s)(.*[^\W\d_]) [^\W\d_]")
_KEPT_TOGETHER = re.compile(r"[^\W\d_] ")


class TextEncoder:
    """Tokenises rows of texts, of which the first is a prompt and the others usually continue it.

    A prompt is cut in front of its last word. What stands before the cut is tokenised once for all texts of the row,
    if the tokenizer splits words there: it must not rewrite more than combining marks before it splits, no special
    token may contain such a blank, and on the first rows it must split at every one of them and give the same ids.

    Args:
        tokenizer: Any of transformers; one without a Rust backend is called as it is.
        add_special_tokens: Whether a text gets the tokens that the tokenizer puts around it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, add_special_tokens: bool) -> None:
        self._tokenizer = tokenizer
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        self._add_special_tokens = add_special_tokens
        self._way: Callable[[Sequence[Sequence[str]]], list[list[Ids]]] | None = None

    def encode(self, rows: Sequence[Sequence[str]]) -> list[list[Ids]]:
        """Return the ids of every text of every row."""
        if not rows:
            return []
        if self._way is None:
            self._way = self._fastest(rows[:_PROBES])
        return self._way(rows)

    def place_behind(self, text: str, count: int) -> int:
        """Return how many characters of a text its first ``count`` tokens hold, without one that the next shares."""
        ids = self._call([[text]])[0][0]
        if count >= len(ids):
            return len(text)
        encoding = self._backend and self._backend.encode(text, add_special_tokens=self._add_special_tokens)
        if not encoding or encoding.ids != ids:
            return self._searched(text, count)
        places: list[tuple[int, int]] = encoding.offsets
        end, following = max((place[1] for place in places[:count]), default=0), places[count]
        return min(end, following[0]) if following != (0, 0) else end  # (0, 0): the tokenizer's own, such as BOS

    def _searched(self, text: str, count: int) -> int:
        """Return the length of the longest beginning of a text that has no more than ``count`` tokens."""
        return bisect_right(range(1, len(text)), count, key=lambda end: len(self._call([[text[:end]]])[0][0]))

    def _fastest(self, probes: Sequence[Sequence[str]]) -> Callable[[Sequence[Sequence[str]]], list[list[Ids]]]:
        expected = self._call(probes)  # also has the tokenizer turn padding and truncation off
        if hasattr(self._backend, "encode_batch_fast"):
            ways = [self._beginnings_once] if _splits_words(self._backend, probes) else []
            for way in (*ways, self._whole):
                if way(probes) == expected:
                    return way
        return self._call

    def _beginnings_once(self, rows: Sequence[Sequence[str]]) -> list[list[Ids]]:
        parts = [_cut(texts) for texts in rows]
        begin = self._without_offsets(
            (part for row in parts for part, _ in row), add_special_tokens=self._add_special_tokens
        )
        rest = {"": Ids()}
        rest |= self._without_offsets((part for row in parts for _, part in row if part), add_special_tokens=False)
        return [[begin[first] + rest[second] for first, second in row] for row in parts]

    def _whole(self, rows: Sequence[Sequence[str]]) -> list[list[Ids]]:
        ids = self._without_offsets(
            (text for texts in rows for text in texts), add_special_tokens=self._add_special_tokens
        )
        return [[ids[text] for text in texts] for texts in rows]

    def _without_offsets(self, texts: Iterable[str], *, add_special_tokens: bool) -> dict[str, Ids]:
        """Return the ids of each distinct text by the backend's call that does not say where in the text they lie."""
        distinct = list(dict.fromkeys(texts))
        encodings = self._backend.encode_batch_fast(distinct, add_special_tokens=add_special_tokens)
        return {text: encoding.ids for text, encoding in zip(distinct, encodings, strict=True)}

    def _call(self, rows: Sequence[Sequence[str]]) -> list[list[Ids]]:
        distinct = list(dict.fromkeys(text for texts in rows for text in texts))
        encoding: Any = self._tokenizer(
            distinct,
            add_special_tokens=self._add_special_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        ids = dict(zip(distinct, cast("list[Ids]", encoding["input_ids"]), strict=True))
        return [[ids[text] for text in texts] for texts in rows]


def _cut(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return every text in two parts, cut in front of the first text's last blank between letters if all begin so."""
    found = _LAST_BLANK.match(texts[0])
    if found is None or not all(text.startswith(found.group()) for text in texts):
        return [(text, "") for text in texts]
    return [(found.group(1), text[found.end(1) :]) for text in texts]


def _splits_words(backend: Any, rows: Sequence[Sequence[str]]) -> bool:
    """Return whether texts can be cut in front of a blank between letters."""
    if backend.pre_tokenizer is None or type(backend.normalizer).__name__ not in {"NoneType", "NFC"}:
        return False
    for token in backend.get_added_tokens_decoder().values():
        if _KEPT_TOGETHER.search(token.content) or (token.rstrip and token.content[-1:].isalpha()):
            return False
    blanks = 0
    for text in (text for texts in rows for text in texts):
        ends = {end for _, (_, end) in backend.pre_tokenizer.pre_tokenize_str(text)}
        places = [blank.start() for blank in _BLANK.finditer(text)]
        blanks += len(places)
        if not ends.issuperset(places):
            return False
    return blanks > 0
