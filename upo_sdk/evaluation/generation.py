"""Seeded, batched sampling from a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["generate_responses"]


def generate_responses(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts_ids: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    seed: int,
    batch_size: int = 32,
    top_p: float = 0.95,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Sample one response per prompt (nucleus sampling, temperature 1; the paper's setting).

    Prompts are padded on the left. The same seed gives the same text; the caller's random state is left alone.
    """
    responses: list[str] = []
    was_training, generate = lm.training, cast("Callable[..., Any]", lm.generate)
    lm.train(mode=False)
    with torch.random.fork_rng(devices=[lm.device] if lm.device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(seed)
        for start in range(0, len(prompts_ids), batch_size):
            part = prompts_ids[start : start + batch_size]
            inputs = _left_padded(part, _pad_id(tokenizer), lm.device)
            output: Any = generate(
                **inputs,
                max_new_tokens=max_new_tokens,
                do_sample=True,
                top_p=top_p,
                top_k=0,
                temperature=1.0,
                pad_token_id=_pad_id(tokenizer),
                eos_token_id=tokenizer.eos_token_id,
                use_cache=True,
            )
            new_ids = output[:, inputs["input_ids"].shape[1] :]
            responses += [text.strip() for text in tokenizer.batch_decode(new_ids, skip_special_tokens=True)]
            on_progress(len(responses), len(prompts_ids))
    lm.train(was_training)
    return responses


def _pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    ids: tuple[Any, ...] = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(value) for value in ids if value is not None)


def _left_padded(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    width = max(map(len, prompts))
    padded = [[pad_id] * (width - len(ids)) + list(ids) for ids in prompts]
    mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    return {
        "input_ids": torch.tensor(padded, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }
