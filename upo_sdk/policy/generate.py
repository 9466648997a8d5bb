"""One call of ``generate`` for all that we generate: our own settings and nothing of the model's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from transformers import LogitsProcessorList

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

__all__ = ["generate", "neighbours_matter"]

_CLOSE = {torch.float32: 1e-3, torch.float64: 1e-3}
_CLOSE_IN_HALF = 0.25
"""Nats by which padding may move a log-prob: float noise."""


def generate(
    lm: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    chooser: Callable[[Tensor, Tensor], Tensor] | None = None,
    **settings: Any,
) -> Any:
    """Return what ``lm.generate`` gives for prompts that are padded on the left; the model's mode is put back.

    What the model's own ``generation_config`` says (penalties, beams, minimal lengths, forced or suppressed tokens,
    stop strings) does not apply. transformers would fill in from it whatever a call leaves out, so it is taken away
    for the time of the call.

    Args:
        lm: On its device.
        tokenizer: Gives the padding.
        prompts: Token ids.
        chooser: From the ids so far and the scores to scores; called at each token.
        settings: Of ``GenerationConfig``.
    """
    pad = _pad_id(lm, tokenizer)
    make, call = cast("Callable[..., Any]", transformers.GenerationConfig), cast("Callable[..., Any]", lm.generate)
    config = make(do_sample=False, use_cache=True, pad_token_id=pad, **settings)
    processors = LogitsProcessorList([cast("Any", chooser)] if chooser else [])
    with _quietly(lm, config), torch.no_grad():
        return call(**_left_padded(prompts, pad, lm.device), generation_config=config, logits_processor=processors)


def neighbours_matter(
    lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], width: int
) -> bool:
    """Return whether padding a prompt to a width changes what comes next, so that it must be answered alone.

    Most models mask what is padded. Recurrent ones may read it, and where RoPE is switched by length a longer neighbour
    switches it.
    """
    longer = [0] * width  # whatever it says
    alone, beside = (
        generate(lm, tokenizer, prompts, max_new_tokens=1, output_logits=True, return_dict_in_generate=True)
        for prompts in ([prompt], [prompt, longer])
    )
    logps_V, padded_V = (found.logits[0][0].float().log_softmax(-1) for found in (alone, beside))
    probable_V = logps_V > -10  # noqa: PLR2004 - in nats: what is hardly ever sampled does not count
    return bool((logps_V - padded_V)[probable_V].abs().max() > _CLOSE.get(lm.dtype, _CLOSE_IN_HALF))


@contextmanager
def _quietly(lm: PreTrainedModel, config: Any) -> Generator[None]:
    own, was_training = lm.generation_config, lm.training
    lm.generation_config = config
    lm.train(mode=False)
    try:
        yield
    finally:
        lm.generation_config = own
        lm.train(was_training)


def _pad_id(lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return a token that has an embedding; a mask hides it."""
    embeddings: Any = lm.get_input_embeddings()
    ids: tuple[Any, ...] = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    return next(int(value) for value in ids if isinstance(value, int) and 0 <= value < embeddings.weight.shape[0])


def _left_padded(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> dict[str, Tensor]:
    width = max(map(len, prompts))
    return {
        "input_ids": torch.tensor([[pad] * (width - len(ids)) + list(ids) for ids in prompts], device=device),
        "attention_mask": torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device),
    }
