"""The rows of an evaluation, tokenised: which prompts are answered, and which rows belong to each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.data import tokenize
from upo_sdk.evaluation.answers import Prompt, read_prompts
from upo_sdk.policy import Branches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import DataConfig
    from upo_sdk.evaluation.progress import Reporter

__all__ = ["EvalRows", "choose_prompts", "tokenize_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRows:
    """Rows of one tokenised split.

    Attributes:
        dataset: In the order of the data.
        prompts: The distinct ones, in the order in which they first occur.
        prompt_R: The number of each row's prompt.
    """

    dataset: Dataset
    prompts: Sequence[Prompt]
    prompt_R: Sequence[int]

    def branches(self) -> list[Branches]:
        """Return the prompt and the responses of every row as token ids."""
        return [
            Branches(*row) for row in zip(self.dataset["prompt_ids"][:], self.dataset["response_ids"][:], strict=True)
        ]

    def first_rows(self) -> list[int]:
        """Return the first row of every prompt."""
        first = dict[int, int]()
        for row, prompt in enumerate(self.prompt_R):
            first.setdefault(prompt, row)
        return [first[prompt] for prompt in range(len(self.prompts))]


def choose_prompts(rows: Dataset, count: int) -> Dataset:
    """Return the rows of at most ``count`` distinct prompts: those with the smallest SHA-256, in the data's order.

    So the choice depends on neither the order of the data nor a seed, and a larger one contains a smaller one.
    """
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in rows["prompt"][:]]
    distinct = sorted(set(digests))
    if len(distinct) <= count:
        return rows
    chosen = set(distinct[:count])
    return rows.select([row for row, digest in enumerate(digests) if digest in chosen])


def tokenize_rows(
    rows: Dataset, tokenizer: PreTrainedTokenizerBase, limits: DataConfig, reporter: Reporter
) -> EvalRows:
    """Tokenise rows and number their prompts; a warning tells what truncation cost."""
    tokenized = tokenize(
        rows,
        tokenizer,
        max_length=limits.max_length,
        max_prompt_length=limits.max_prompt_length,
        on_progress=reporter.progress("tokenising evaluation rows", "rows"),
    )
    if tokenized.report.tokens_dropped:
        reporter.warn(f"evaluation data {tokenized.report.describe()}")
    prompts = dict[str, Prompt]()
    for prompt in read_prompts(tokenized.dataset):
        prompts.setdefault(prompt.text, prompt)
    number = {text: place for place, text in enumerate(prompts)}
    return EvalRows(
        dataset=tokenized.dataset,
        prompts=list(prompts.values()),
        prompt_R=[number[text] for text in tokenized.dataset["prompt"][:]],
    )
