"""A model's own answers, and what every auxiliary objective thinks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from upo_sdk.evaluation.generation import generate_responses
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.objectives.build import LiveObjective
    from upo_sdk.scoring.score import FloatArray

__all__ = ["Answers", "answer_prompts"]


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer per prompt, in the order of the prompts.

    Attributes:
        completions: The answers; each has its ``token_count``.
        rewards: One array over the answers per objective, by label.
    """

    completions: Sequence[Completion]
    rewards: Mapping[str, FloatArray]

    def with_rewards(self, rewards: Sequence[FloatArray]) -> Answers:
        """Return the same answers with other rewards, in the order of the labels."""
        return replace(self, rewards=dict(zip(self.rewards, rewards, strict=True)))


def answer_prompts(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Dataset,
    scorers: Sequence[LiveObjective],
    score: Callable[[LiveObjective, Sequence[Completion]], FloatArray],
    *,
    max_new_tokens: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> Answers:
    """Sample one answer per tokenised prompt and score it with every objective.

    The objectives must not need columns of the dataset: an answer of the model has none.
    """
    responses = generate_responses(
        lm,
        tokenizer,
        prompts["prompt_ids"][:],
        max_new_tokens=max_new_tokens,
        seed=seed,
        on_progress=on_progress,
    )
    conversations = prompts["prompt_messages"][:] if "prompt_messages" in prompts.column_names else None
    answers = [
        Completion(
            prompt,
            response,
            token_count=len(tokenizer(response, add_special_tokens=False)["input_ids"]),
            prompt_messages=conversations[index] if conversations else None,
            response_messages=[{"role": "assistant", "content": response}] if conversations else None,
        )
        for index, (prompt, response) in enumerate(zip(prompts["prompt"][:], responses, strict=True))
    ]
    return Answers(answers, {item.label: score(item, answers) for item in scorers})
