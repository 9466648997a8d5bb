"""From a model's path to a policy on its device, with a layout that is exact for the rows it will read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.data import largest_token_id, spread_by_length
from upo_sdk.policy.layouts import TokenizedRow, choose_layout
from upo_sdk.policy.loading import check_vocabulary, load_language_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from datasets import Dataset

    from upo_sdk.config import ModelConfig, TrainingConfig
    from upo_sdk.policy.policy import Policy

__all__ = ["load_policy"]

_ROWS_MEASURED = 64
"""Of each dataset."""


def load_policy(
    config: ModelConfig,
    datasets: Sequence[Dataset],
    device: torch.device,
    *,
    training: TrainingConfig | None = None,
    keep_adapter: bool = False,
    warn: Callable[[str], None] = lambda _text: None,
) -> tuple[Policy, str]:
    """Return the model with the fastest layout that is exact for it on rows of all datasets, and why it was chosen.

    Args:
        config: Which model.
        datasets: Tokenised by its tokenizer.
        device: Where it computes.
        training: How it will be trained; None if only log-probs are asked for.
        keep_adapter: Keep an adapter apart, to be trained further; else it is merged into the weights.
        warn: Receives what may be wrong with the model.

    Raises:
        ModelError: It cannot be loaded, has weights that are no numbers, or does not fit the tokenizer.
    """
    lm = load_language_model(config, keep_adapter=keep_adapter, warn=warn)
    check_vocabulary(lm, max(map(largest_token_id, datasets)), config.path)
    lm.to(device)  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
    rows = [row for dataset in datasets for row in _some(dataset)]
    if training is None:
        chosen = choose_layout(lm, rows, training=False)
    else:
        chosen = choose_layout(
            lm,
            rows,
            training.layout,
            checkpointing=training.gradient_checkpointing,
            bf16=training.bf16,
            cpu_kernels=training.cpu_kernels == "auto",
        )
    return chosen.policy(lm), chosen.reason


def _some(dataset: Dataset) -> list[TokenizedRow]:
    some = spread_by_length(dataset, _ROWS_MEASURED)
    return [TokenizedRow(*row) for row in zip(some["prompt_ids"], some["response_ids"], strict=True)]
