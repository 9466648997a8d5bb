"""The rows of an evaluation, tokenised: which prompts are answered, and which rows belong to each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from upo_sdk.data import describe_left_out, tokenize
from upo_sdk.data.problems import parts_of
from upo_sdk.evaluation.answers import distinct_prompts, fit_prompts
from upo_sdk.policy import TokenizedRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.config import DataConfig
    from upo_sdk.context import RunContext
    from upo_sdk.data import Trained
    from upo_sdk.evaluation.answers import Prompt

__all__ = ["EvalRows", "choose_prompts", "number_prompts", "same_prompts", "same_tokens", "tokenize_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRows:
    """Rows of one tokenised split.

    Attributes:
        dataset: In the order of the data.
        prompts: The distinct ones, in the order in which they first occur; too long ones without their beginning.
        prompt_R: The number of each row's prompt.
    """

    dataset: Dataset
    prompts: Sequence[Prompt]
    prompt_R: Sequence[int]

    def branches(self) -> list[TokenizedRow]:
        """Return the prompt and the responses of every row as token ids."""
        return [
            TokenizedRow(*row)
            for row in zip(self.dataset["prompt_ids"][:], self.dataset["response_ids"][:], strict=True)
        ]

    def trained(self) -> list[Trained]:
        """Return which tokens of the responses of every row are trained."""
        column = "response_trained"
        return self.dataset[column][:] if column in self.dataset.column_names else [None] * len(self.dataset)

    def chosen_responses(self) -> list[str | None]:
        """Return the response that the data prefers to every prompt, None where it has none."""
        firsts = self.dataset.select(self.first_rows())
        return [
            next((text for text, good in zip(texts, labels, strict=True) if good), None)
            for texts, labels in zip(firsts["responses"][:], firsts["desirable"][:], strict=True)
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
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    limits: DataConfig,
    context: RunContext,
    *,
    room: int | None,
    on_date: date | None = None,
) -> EvalRows:
    """Tokenise rows and number their prompts; warn of what truncation and the chat template changed.

    Args:
        rows: Normalised.
        tokenizer: Of the model that will read them.
        limits: Tokens per row.
        context: Receives progress and warnings.
        room: Tokens that a prompt may have so that its answer fits behind it, or None.
        on_date: What a chat template that writes the date takes for today.
    """
    tokenized = tokenize(
        rows,
        tokenizer,
        max_length=limits.max_length,
        max_prompt_length=limits.max_prompt_length,
        on_date=on_date,
        drop=limits.on_bad_rows == "drop",
        on_progress=context.progress("tokenising evaluation rows", "rows"),
    )
    if tokenized.bad_rows:
        context.warn(f"evaluation data: {describe_left_out(tokenized.bad_rows, len(rows), parts_of(rows))}")
    if tokenized.report.changed:
        context.warn(f"evaluation data {tokenized.report.describe()}")
    for item in tokenized.findings:
        context.notice(item.level, f"evaluation data: {item.text}")
    return number_prompts(tokenized.dataset, tokenizer, context, room=room, on_date=on_date)


def number_prompts(
    tokenized: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    context: RunContext,
    *,
    room: int | None,
    on_date: date | None = None,
) -> EvalRows:
    """Number the prompts of tokenised rows; shorten those without room for an answer, with a warning.

    Args:
        tokenized: By the tokenizer.
        tokenizer: Of the model that will read them.
        context: Receives warnings.
        room: Tokens that a prompt may have so that its answer fits behind it, or None.
        on_date: What a chat template that writes the date takes for today.
    """
    prompts = distinct_prompts(tokenized)
    number = {prompt.text: place for place, prompt in enumerate(prompts)}
    whole = EvalRows(dataset=tokenized, prompts=prompts, prompt_R=[number[text] for text in tokenized["prompt"][:]])
    fitted = fit_prompts(whole.prompts, room, tokenizer, context.warn, on_date)
    return replace(_only(whole, {prompt.text for prompt in fitted}), prompts=fitted)


def same_tokens(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> bool:
    """Return whether two tokenizers have the same tokens and the same chat template."""
    return one.chat_template == other.chat_template and one.get_vocab() == other.get_vocab()


def same_prompts(one: EvalRows, other: EvalRows) -> tuple[EvalRows, EvalRows]:
    """Return both without the prompts that only one has: truncation may leave rows out, and by its own tokens."""
    common = {prompt.text for prompt in one.prompts} & {prompt.text for prompt in other.prompts}
    return _only(one, common), _only(other, common)


def _only(rows: EvalRows, texts: set[str]) -> EvalRows:
    if len(texts) == len(rows.prompts):
        return rows
    kept = [place for place, prompt in enumerate(rows.prompts) if prompt.text in texts]
    number = {place: new for new, place in enumerate(kept)}
    chosen = [row for row, prompt in enumerate(rows.prompt_R) if prompt in number]
    return EvalRows(
        dataset=rows.dataset.select(chosen),
        prompts=[rows.prompts[place] for place in kept],
        prompt_R=[number[rows.prompt_R[row]] for row in chosen],
    )
