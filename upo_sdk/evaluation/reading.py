"""What is read off one model: its answers, and log-probs of responses that are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from upo_sdk.data import largest_token_id
from upo_sdk.errors import ConfigError
from upo_sdk.evaluation.answers import Answers, Prompt, sample_answers
from upo_sdk.evaluation.branches import BranchList
from upo_sdk.policy import Branches, Policy, check_vocabulary, choose_layout, load_language_model, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.cache import ContentCache
    from upo_sdk.config import ModelConfig
    from upo_sdk.evaluation.generation import Sampling
    from upo_sdk.evaluation.progress import Reporter

__all__ = ["ModelReader", "accelerator"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

_LAYOUT_ROWS = 64
_TOKENS_PER_BATCH = 8192


@dataclass(frozen=True)
class ModelReader:
    """A model in memory, on the device.

    Attributes:
        name: ``model`` or ``baseline``, for progress.
        weights: The hash of its weights.
    """

    name: str
    lm: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    weights: str
    policy: Policy
    cache: ContentCache
    reporter: Reporter

    @classmethod
    def load(
        cls,
        name: str,
        config: ModelConfig,
        tokenizer: PreTrainedTokenizerBase,
        rows: Dataset,
        cache: ContentCache,
        reporter: Reporter,
    ) -> ModelReader:
        """Load a model and choose how it reads rows.

        Args:
            name: ``model`` or ``baseline``.
            config: Which model.
            tokenizer: Its tokenizer.
            rows: Tokenised by it; the layout is checked on the longest of them.
            cache: Where answers and log-probs are kept.
            reporter: Hears about progress.

        Raises:
            ModelError: It cannot be loaded, or does not fit the tokenizer.
        """
        lm = load_language_model(config)
        check_vocabulary(lm, largest_token_id(rows), config.path)
        weights = weights_sha256(lm)
        lm.to(accelerator())  # type: ignore[arg-type]  # transformers types it as if it were a method of a tensor
        chosen = choose_layout(lm, _sample(rows))
        return cls(name, lm, tokenizer, weights, Policy(lm, chosen.layout), cache, reporter)

    def answers(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        num_samples: int,
        batch_size: int,
        count_with: PreTrainedTokenizerBase,
    ) -> Answers:
        """Return the model's answers; a prompt that leaves no room for an answer loses its beginning."""
        return sample_answers(
            self.lm,
            self.tokenizer,
            self._with_room(prompts, sampling.max_new_tokens),
            sampling,
            self.cache,
            weights=self.weights,
            num_samples=num_samples,
            batch_size=batch_size,
            count_with=count_with,
            on_progress=self.reporter.progress(f"answers of the {self.name}", "answers"),
        )

    def logps(self, rows: Sequence[Branches], what: str) -> list[FloatArray]:
        """Return ``log p(y | x)`` in nats, summed over tokens, of every response: one array per row."""
        source = BranchList(rows)
        longest = int((source.prompt_lengths_R + [max(map(len, row.response_ids)) for row in rows]).max())
        per_token = reference_logps(
            self.policy,
            source,
            self.cache,
            weights=self.weights,
            tokens_per_batch=max(_TOKENS_PER_BATCH, longest),
            tokens_per_row=max(_TOKENS_PER_BATCH, longest),
            on_progress=self.reporter.progress(f"log-probs of {what} by the {self.name}", "responses"),
        )
        return [
            np.array([logps_T.astype(np.float64).sum() for logps_T in per_token[row]]) for row in range(len(source))
        ]

    def _with_room(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Prompt]:
        positions = getattr(self.lm.config.get_text_config(), "max_position_embeddings", None)
        if not isinstance(positions, int):
            return list(prompts)
        room = positions - max_new_tokens
        if room < 1:
            raise ConfigError(
                f"the {self.name} has {positions:,} positions, which leaves none for a prompt",
                where=f"max_new_tokens {max_new_tokens:,}",
                fix="lower --max_new_tokens",
            )
        return [
            prompt
            if len(prompt.ids) <= room
            else Prompt(text=prompt.text, ids=prompt.ids[-room:], messages=prompt.messages)
            for prompt in prompts
        ]


def accelerator() -> torch.device:
    """Return the device of this process: an accelerator if there is one."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")


def _sample(rows: Dataset) -> list[Branches]:
    from upo_sdk.data import longest_first

    some = longest_first(rows, _LAYOUT_ROWS)
    return [Branches(*row) for row in zip(some["prompt_ids"], some["response_ids"], strict=True)]
