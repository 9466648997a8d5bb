"""What every auxiliary objective thinks of a model's own answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.evaluation.generation import generate_responses
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.objectives.build import LiveObjective
    from upo_sdk.scoring.score import FloatArray

__all__ = ["answer_rewards"]


def answer_rewards(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Dataset,
    auxiliary: Sequence[LiveObjective],
    score: Callable[[LiveObjective, Sequence[Completion]], FloatArray],
    *,
    max_new_tokens: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> list[FloatArray]:
    """Sample one answer per tokenised prompt and return one array of rewards per auxiliary objective.

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
    return [score(item, answers) for item in auxiliary]
