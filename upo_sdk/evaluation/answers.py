"""A model's own answers: sampled once per content, cached, resumable; and what every objective thinks of them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.encoding import Encoder
from upo_sdk.data.messages import join_contents, load_messages
from upo_sdk.data.shortening import shorten_to_fit
from upo_sdk.data.texts import apply_truncation
from upo_sdk.data.truncation import Limits, truncate
from upo_sdk.errors import DataError
from upo_sdk.evaluation.generation import Draw, Sampling, end_ids, generate_ids
from upo_sdk.objectives import Completion
from upo_sdk.policy.cpu_kernels import own_attention
from upo_sdk.policy.generate import neighbours_matter
from upo_sdk.statistics import Sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.cache import ContentCache
    from upo_sdk.data.messages import Message
    from upo_sdk.ranks import Ranks

__all__ = ["Answers", "Prompt", "distinct_prompts", "fit_prompts", "sample_answers"]

_COLUMNS = ("prompt", "prompt_ids", "prompt_messages", "template_inputs", "kept_prompt", "kept_prompt_messages")
_SHOWN = 60
"""Characters of an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt as objectives and as the policy see it.

    Attributes:
        text: As in the data: equal prompts have equal texts.
        ids: What the model reads.
        messages: What truncation left of a conversation.
        template_inputs: What its chat template reads besides.
        kept: What truncation left of the text, if it is not whole.
    """

    text: str
    ids: Sequence[int]
    messages: Sequence[Message] | None = None
    template_inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kept: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of one model, prompt by prompt.

    Attributes:
        completions: As objectives see them; ``token_count`` is filled whatever the objectives ask for.
        tokens: Token ids without special tokens: as sampled, or the text in the tokens of another tokenizer.
        ids: The sampled token ids, with the end-of-sequence token where one was sampled.
        num_samples: Answers per prompt, which are neighbours.
        finished: Whether the answer ended by itself, not by ``max_new_tokens``.
    """

    completions: Sequence[Completion]
    tokens: Sequence[Sequence[int]] = field(repr=False)
    ids: Sequence[Sequence[int]] = field(repr=False)
    num_samples: int
    finished: Sequence[bool] = field(repr=False)

    @cached_property
    def texts(self) -> list[str]:
        """The answers as text."""
        return [completion.response for completion in self.completions]

    def counted_with(self, tokenizer: PreTrainedTokenizerBase) -> Answers:
        """Return the same answers with the tokens of another tokenizer, so that two models can be compared."""
        encoded: Any = tokenizer(self.texts, add_special_tokens=False, verbose=False)
        tokens = list(encoded["input_ids"])
        completions = [
            replace(completion, token_count=len(own)) for completion, own in zip(self.completions, tokens, strict=True)
        ]
        return replace(self, completions=completions, tokens=tokens)

    def mean(self, values: Iterable[float]) -> Sums:
        """Return the mean of one value per answer; the answers to one prompt are one unit. NaN is no value."""
        return Sums.grouped(np.fromiter(values, np.float64, len(self.ids)), self.num_samples)


def distinct_prompts(dataset: Dataset, count: int | None = None) -> list[Prompt]:
    """Return the prompts of a tokenised split, each once, in the order in which they first occur.

    Args:
        dataset: Its rows.
        count: How many are enough; None is all.
    """
    wanted = [column for column in _COLUMNS if column in dataset.column_names]
    found = dict[str, Prompt]()
    for row in read_rows_of(dataset, *wanted):
        if len(found) == count:
            break
        if row["prompt"] not in found:
            found[row["prompt"]] = _prompt(row)
    return list(found.values())


def _prompt(row: Mapping[str, Any]) -> Prompt:
    left = apply_truncation(row)
    return Prompt(
        text=row["prompt"],
        ids=row["prompt_ids"],
        messages=load_messages(left["prompt_messages"]) if "prompt_messages" in left else None,
        template_inputs=json.loads(left.get("template_inputs", "{}")),
        kept=row.get("kept_prompt"),
    )


def fit_prompts(
    prompts: Sequence[Prompt],
    room: int | None,
    tokenizer: PreTrainedTokenizerBase,
    warn: Callable[[str], None],
    on_date: date | None = None,
) -> list[Prompt]:
    """Return the prompts, those without room for an answer behind them shortened as training would shorten them.

    A text loses its beginning, a conversation its oldest turns; one whose last turn alone is too long is left out.

    Args:
        prompts: Tokenised by the tokenizer.
        room: Tokens that a prompt may have, from :func:`~upo_sdk.policy.positions.prompt_room`; None is no limit.
        tokenizer: What the model reads.
        warn: Receives one message: how many were shortened, and how many left out.
        on_date: What a chat template that writes the date takes for today.

    Raises:
        DataError: No prompt is left.
    """
    long = [prompt for prompt in prompts if room is not None and len(prompt.ids) > room]
    if room is None or not long:
        return list(prompts)
    encoder = Encoder(tokenizer, conversational=long[0].messages is not None, on_date=on_date)
    fitted = [prompt if len(prompt.ids) <= room else _fitted(prompt, room, encoder) for prompt in prompts]
    left = [prompt for prompt in fitted if prompt]
    cut = "oldest turns are" if long[0].messages else "beginning is"
    if not left:
        raise DataError(
            f"no prompt is short enough: a prompt may have {room:,} tokens, so that the model has positions left "
            f"for an answer",
            where=f"for example '{_start(long[0].text)}'",
            fix="ask for fewer new tokens, or give shorter prompts",
        )
    out = len(prompts) - len(left)
    warn(
        f"{len(long):,} of {len(prompts):,} prompts have more than the {room:,} tokens after which the model still has "
        f"positions for an answer: their {cut} cut off"
        + (f", and {out:,} whose last turn alone is too long are left out" if out else "")
        + f"; for example '{_start(long[0].text)}'"
    )
    return left


def _fitted(prompt: Prompt, room: int, encoder: Encoder) -> Prompt | None:
    if prompt.messages is None:
        limits = Limits(max_length=room + 1, max_prompt_length=None)
        return replace(prompt, ids=truncate(list(prompt.ids), [[0]], limits, bos=encoder.bos)[0])
    messages = shorten_to_fit(prompt.messages, prompt.template_inputs, encoder, room)
    if messages is None:
        return None
    ids = encoder.prompt_ids(messages, prompt.template_inputs)
    return replace(prompt, messages=messages, ids=ids, kept=join_contents(messages))


def sample_answers(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    sampling: Sampling,
    cache: ContentCache,
    *,
    weights: str,
    batch_size: int = 32,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Answers:
    """Return ``sampling.num_samples`` answers per prompt; what is in the cache is not sampled again.

    The key holds the model's weights, attention and device, the prompt's ids, the sampling settings with the seed, and
    the number of the sample. Every finished batch is stored at once, so a killed call loses at most one; and a model's
    answers are sampled once over all evaluations of it, also as the baseline of others.

    Args:
        lm: The model, on its device.
        tokenizer: Its tokenizer.
        prompts: Tokenised by it.
        sampling: How.
        cache: Where token ids are kept.
        weights: :func:`weights_sha256` of the model.
        batch_size: Answers sampled together in one batch.
        on_progress: Called with the answers that are there and their total.
    """
    draws = [Draw(prompt.ids, sample) for prompt in prompts for sample in range(sampling.num_samples)]
    keys = [
        content_key(*_model_key(lm, tokenizer, weights, sampling), list(draw.prompt_ids), draw.sample) for draw in draws
    ]

    def sampled(missing: Sequence[int], ranks: Ranks) -> Iterator[dict[int, bytes]]:
        longest_first = sorted(missing, key=lambda place: -len(draws[place].prompt_ids))
        size = _batch_size(lm, tokenizer, [draws[place] for place in longest_first], sampling, batch_size)
        size = min(size, math.ceil(len(missing) / ranks.count))
        for start in ranks.share(range(0, len(longest_first), size)):
            part = longest_first[start : start + size]
            answers = generate_ids(lm, tokenizer, [draws[place] for place in part], sampling)
            yield {place: np.asarray(ids, dtype="<i4").tobytes() for place, ids in zip(part, answers, strict=True)}

    cache.fill(keys, sampled, on_progress, kind="answers")
    known = cache.get(keys)
    ids = [np.frombuffer(known[key], dtype="<i4").tolist() for key in keys]
    return _answers(prompts, ids, tokenizer, sampling.num_samples, end_ids(lm, tokenizer))


def _start(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


def _model_key(
    lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, weights: str, sampling: Sampling
) -> list[object]:
    settings = [sampling.max_new_tokens, sampling.temperature, sampling.top_p, sampling.seed]
    return ["answer", 1, weights, own_attention(lm), lm.device.type, sorted(end_ids(lm, tokenizer)), settings]


def _batch_size(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    longest_first: Sequence[Draw],
    sampling: Sampling,
    batch_size: int,
) -> int:
    """Return how many prompts are answered together: one where a neighbour would change what a prompt is answered."""
    if batch_size == 1:
        return 1
    width = len(longest_first[0].prompt_ids) + sampling.max_new_tokens
    return 1 if neighbours_matter(lm, tokenizer, longest_first[-1].prompt_ids, width - 1) else batch_size


def _answers(
    prompts: Sequence[Prompt],
    ids: list[list[int]],
    tokenizer: PreTrainedTokenizerBase,
    num_samples: int,
    ends: frozenset[int],
) -> Answers:
    texts: list[str] = [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    special = frozenset(tokenizer.all_special_ids)
    tokens = [[token for token in own if token not in special] for own in ids]
    return Answers(
        completions=[
            _completion(prompts[place // num_samples], text, len(own))
            for place, (text, own) in enumerate(zip(texts, tokens, strict=True))
        ],
        tokens=tokens,
        ids=ids,
        num_samples=num_samples,
        finished=[bool(own) and own[-1] in ends for own in ids],
    )


def _completion(prompt: Prompt, text: str, count: int) -> Completion:
    return Completion(
        prompt.text if prompt.kept is None else prompt.kept,
        text,
        token_count=count,
        prompt_messages=prompt.messages,
        response_messages=[{"role": "assistant", "content": text}] if prompt.messages else None,
    )
