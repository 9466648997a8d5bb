"""What is read off one model: its answers, and the log-probs it gives to responses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from upo_sdk.cache import content_key
from upo_sdk.evaluation.answers import Answers, sample_answers
from upo_sdk.policy import Policy, TokenizedList, TokenizedRow, load_policy, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.records import ModelIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.arrays import FloatArray, LogpArray
    from upo_sdk.config import ModelConfig
    from upo_sdk.context import RunContext
    from upo_sdk.data import Trained
    from upo_sdk.evaluation.generation import Sampling
    from upo_sdk.evaluation.rows import EvalRows
    from upo_sdk.records import SharedWork

__all__ = ["LoadedModel", "Whose", "accelerator", "summed"]

Whose = Literal["model", "baseline"]


_TOKENS_PER_BATCH = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model in memory, on the device.

    Attributes:
        name: Which of the two it is.
        identity: Its path and the hash of its weights.
    """

    name: Whose
    identity: ModelIdentity
    policy: Policy
    tokenizer: PreTrainedTokenizerBase
    context: RunContext

    @classmethod
    def load(
        cls,
        name: Whose,
        config: ModelConfig,
        tokenizer: PreTrainedTokenizerBase,
        rows: Dataset,
        context: RunContext,
    ) -> LoadedModel:
        """Load a model and choose how it reads rows.

        Args:
            name: Which of the two it is.
            config: Which model.
            tokenizer: Its tokenizer.
            rows: Tokenised by it; the layout is checked on the longest of them.
            context: Keeps answers and log-probs, and receives progress.

        Raises:
            ModelError: It cannot be loaded, has weights that are no numbers, or does not fit the tokenizer.
        """
        policy, _ = load_policy(config, [rows], accelerator())
        identity = ModelIdentity(path=config.path, weights_sha256=weights_sha256(policy.lm))
        return cls(name=name, identity=identity, policy=policy, tokenizer=tokenizer, context=context)

    def answers(self, rows: EvalRows, sampling: Sampling, batch_size: int) -> Answers:
        """Return the model's answers to the prompts, of which ``batch_size`` are sampled together."""
        return sample_answers(
            self.policy.lm,
            self.tokenizer,
            rows.prompts,
            sampling,
            self.context.cache,
            weights=self.identity.weights_sha256,
            batch_size=batch_size,
            on_progress=self.context.progress(
                f"answers of the {self.name}", "answers", "base answers" if self.name == "baseline" else None
            ),
        )

    def logps_of_data(self, rows: Sequence[TokenizedRow], trained: Sequence[Trained]) -> list[FloatArray]:
        """Return the log-probs of the data's responses, summed over what is trained; see :meth:`logps_of_answers`."""
        return self._logps(rows, "the data's responses", "reference" if self.name == "baseline" else None, trained)

    def logps_of_answers(self, rows: Sequence[TokenizedRow]) -> list[FloatArray]:
        """Return ``log p(y | x)`` in nats, summed over tokens, of every answer of the model: one array per row.

        They are kept for exactly these rows. Which rows share a batch changes the last bits, and so would log-probs
        that another evaluation, or a run, had computed for some of them; this way the same evaluation has the same
        numbers whatever the cache holds.
        """
        return self._logps(rows, "the model's answers", None)

    def _logps(
        self,
        rows: Sequence[TokenizedRow],
        what: str,
        shared: SharedWork | None,
        trained: Sequence[Trained] | None = None,
    ) -> list[FloatArray]:
        source = TokenizedList(rows)
        longest = max(len(row.prompt_ids) + sum(map(len, row.response_ids)) for row in rows)
        per_token = reference_logps(
            self.policy,
            source,
            self.context.cache,
            weights=content_key("evaluation", 1, self.identity.weights_sha256, source.fingerprint).hex(),
            tokens_per_batch=max(_TOKENS_PER_BATCH, longest),
            tokens_per_row=max(_TOKENS_PER_BATCH, longest),
            on_progress=self.context.progress(f"log-probs of {what} by the {self.name}", "responses", shared),
        )
        places = trained or [None] * len(source)
        return [
            np.array([summed(*one) for one in zip(per_token[row], places[row] or repeat(None))])  # noqa: B905 - as many as there are
            for row in range(len(source))
        ]


def summed(logps_T: LogpArray, places: Sequence[int] | None) -> np.float64:
    """Return the sum of the log-probs of all tokens, or of those in runs that begin and end at places."""
    exact_T = logps_T.astype(np.float64)
    if places is None:
        return exact_T.sum()  # type: ignore[no-any-return]  # of numpy
    return np.float64(sum(exact_T[start:end].sum() for start, end in zip(places[::2], places[1::2], strict=True)))


def accelerator() -> torch.device:
    """Return the device of this process: an accelerator if there is one."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or torch.device("cpu")
