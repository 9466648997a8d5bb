"""Registers the objectives ``question`` and ``mention``, which takes a target."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``question`` and ``mention``."""
    return [
        ObjectiveSpec(
            name="question",
            kind="auxiliary",
            target="upo_example.objective:Question",
            options="upo_example.options:QuestionOptions",
            summary="Answers that end in a question",
            bounds=(0.0, 1.0),
        ),
        ObjectiveSpec(
            name="mention",
            kind="auxiliary",
            target="upo_example.mention:Mention",
            options="upo_example.mention:MentionOptions",
            summary="Answers that name a thing: mention:WORD",
            bounds=(0.0, 1.0),
            positional="word",
        ),
    ]
