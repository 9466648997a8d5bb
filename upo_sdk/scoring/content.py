"""What a score depends on: the scorer, and the part of a completion that it is handed."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from upo_sdk.objectives import Completion, Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from upo_sdk.objectives import Needs
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["as_needed", "content", "scorer_identity"]


def as_needed(completion: Completion, needs: Needs) -> Completion:
    """Return a completion with nothing but what the objective asks for."""
    wanted = needs.columns | needs.score_columns
    return Completion(
        completion.prompt,
        completion.response,
        {name: value for name, value in completion.columns.items() if name in wanted},
        completion.token_count if needs.token_counts else None,
        completion.prompt_messages if needs.messages else None,
        completion.response_messages if needs.messages else None,
    )


def content(completion: Completion) -> tuple[object, ...]:
    """Return the values of a completion, for a content key."""
    return tuple(getattr(completion, field.name) for field in fields(completion))


def scorer_identity(live: LiveObjective, fingerprint: Mapping[str, str]) -> dict[str, object]:
    """Return what the scores of an objective depend on besides the completion."""
    return {
        "target": live.target,
        "distribution": live.distribution,
        "version": live.version,
        "code": live.target_sha256,
        "options": _scoring_options(live.options) if live.options else {},
        "fingerprint": fingerprint,
    }


def _scoring_options(options: BaseModel) -> dict[str, object]:
    operational = options.operational if isinstance(options, Options) else ()
    return options.model_dump(mode="json", exclude=set(operational))
