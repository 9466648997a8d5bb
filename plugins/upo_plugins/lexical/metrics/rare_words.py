"""Rare words, by how many of the training responses hold them; no word list is needed."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from upo_plugins.lexical.prose import Prose

__all__ = ["DocumentFrequencies", "rare_words"]


@dataclass(frozen=True, slots=True)
class DocumentFrequencies:
    """In how many responses each word stands.

    Attributes:
        documents: The number of responses counted; 0 before anything was counted.
        counts: From a lower-case word to the number of responses that hold it.
    """

    documents: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def count(cls, texts: Iterable[Prose]) -> DocumentFrequencies:
        """Count every word once per text."""
        documents, counts = 0, Counter[str]()
        for text in texts:
            documents += 1
            counts.update({word.lower() for word in text.words})
        return cls(documents, counts)

    def rarity(self, word: str) -> float:
        """Return ``log((N+1)/(df+1)) / log(N+1)``: 0 for a word of every response, 1 for one of none."""
        return 1 - math.log1p(self.counts.get(word.lower(), 0)) / math.log1p(self.documents)

    def sha256(self) -> str:
        """Return a hash of the table that does not depend on the order of counting."""
        table = json.dumps([self.documents, sorted(self.counts.items())])
        return hashlib.sha256(table.encode()).hexdigest()


def rare_words(prose: Prose, *, frequencies: DocumentFrequencies) -> float:
    """Return 1 minus the mean rarity of the words: 1 for the commonest words, 0 for words never seen."""
    return 1 - sum(map(frequencies.rarity, prose.words)) / len(prose.words)
