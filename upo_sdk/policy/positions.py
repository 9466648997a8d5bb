"""How many positions a model has, and what of a prompt fits before its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["positions", "prompt_room"]

_NAMES = ("max_position_embeddings", "max_seq_len")
"""transformers maps the other names, such as ``n_positions``, to the first; MPT alone has the second."""


_BEHIND_PADDING = frozenset(
    {"camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"}
)
"""Models whose first position is the one behind that of padding, so that they read fewer than they have."""


def positions(model_config: Any) -> int | None:
    """Return the most positions that a model can read, or None if its configuration names no limit."""
    text = model_config.get_text_config()
    found = [getattr(text, name, None) for name in _NAMES]
    count = next((count for count in found if isinstance(count, int) and count > 0), None)
    if count is None or getattr(text, "model_type", None) not in _BEHIND_PADDING:
        return count
    return count - (getattr(text, "pad_token_id", None) or 0) - 1


def prompt_room(model_configs: Iterable[Any], max_new_tokens: int, *, setting: str) -> int | None:
    """Return how many tokens a prompt may have so that each of the models can answer it; None without a limit.

    Args:
        model_configs: Of the models that answer.
        max_new_tokens: Tokens of an answer.
        setting: The key that sets them, for an error's fix.

    Raises:
        ConfigError: There is no room for any prompt.
    """
    limit = min((count for item in model_configs if (count := positions(item))), default=None)
    if limit is None:
        return None
    if limit <= max_new_tokens:
        raise ConfigError(
            f"the model has {limit:,} positions: with {max_new_tokens:,} new tokens, none is left for a prompt",
            where=f"`{setting}={max_new_tokens}`",
            fix=f"lower it: `{setting}={max(1, limit // 2)}` leaves {limit - max(1, limit // 2):,} tokens for a prompt",
        )
    return limit - max_new_tokens
