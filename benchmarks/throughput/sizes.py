"""The models: randomly initialised Llamas, because speed and memory do not depend on what a model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SIZES", "Size", "save_model"]


@dataclass(frozen=True)
class Size:
    """A Llama with tied embeddings."""

    hidden: int
    intermediate: int
    layers: int
    heads: int

    def layer_parameters(self) -> int:
        """Count the weights of all matrices inside the layers."""
        return self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.intermediate)

    def flops_per_pair(self, prompt: float, response: float, vocabulary: int) -> float:
        """Return the floating-point operations that one pair needs: 6 per weight and position, the prompt once.

        Attention adds 12 · hidden · layers for each position and position it sees. The head counts for responses only.
        Nothing that is computed twice or only padded is needed, so both sides share this numerator.
        """
        seen = prompt**2 / 2 + 2 * (response * prompt + response**2 / 2)
        matrices = 6 * self.layer_parameters() * (prompt + 2 * response)
        return matrices + 12 * self.hidden * self.layers * seen + 6 * self.hidden * vocabulary * 2 * response


SIZES = {
    "1M": Size(128, 384, 4, 4),
    "20M": Size(384, 1024, 8, 6),
    "100M": Size(768, 1792, 12, 12),
    "500M": Size(1280, 3456, 24, 20),
    "1B": Size(2048, 5632, 20, 32),
}


def save_model(size: Size, vocabulary: int, end: int, pad: int, folder: Path) -> None:
    """Initialise with a fixed seed and save."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=size.hidden,
            intermediate_size=size.intermediate,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=pad,
        )
    ).save_pretrained(folder)
