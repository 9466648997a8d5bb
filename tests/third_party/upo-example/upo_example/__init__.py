"""Registers the ``question`` objective."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``question``."""
    return [
        ObjectiveSpec(
            name="question",
            kind="auxiliary",
            target="upo_example.objective:Question",
            options="upo_example.options:QuestionOptions",
            summary="Answers that end in a question",
            bounds=(0.0, 1.0),
        )
    ]
