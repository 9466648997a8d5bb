"""The model card of a run, in the Hugging Face format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from upo_sdk.plan import RunPlan
    from upo_sdk.result import AlignResult

__all__ = ["model_card"]


def model_card(plan: RunPlan, result: AlignResult) -> str:
    """Return the card: what it was made from, towards what, what happened, and what it does not promise."""
    header = yaml.safe_dump(
        {
            "library_name": "transformers",
            "pipeline_tag": "text-generation",
            "base_model": "upo-sdk demo model" if plan.is_demo else plan.model.path,
            "tags": ["upo-sdk", "preference-optimization", *sorted({item.ref.name for item in plan.objectives})],
        },
        sort_keys=False,
    )
    objectives = "\n".join(
        f"| `{item.label}` | {'preference' if item.is_preference else 'auxiliary'} | {item.weight:g} | `{item.ref}` "
        f"| {item.distribution} {item.version} |"
        for item in plan.objectives
    )
    did = "\n".join(f"- {sentence}" for sentence in result.explanation) or "- Nothing was measured."
    return f"""---
{header}---

# {result.output_dir.name}

Aligned with UPO SDK: a preference loss plus an advantage-weighted likelihood on black-box rewards
(Unified Preference Optimization, arXiv 2405.17956). Status: {result.status}, {result.steps} optimizer steps.

## Data

{plan.data.description} (fingerprint `{plan.data.fingerprint[:16]}`).

## Objectives

| name | kind | weight | written as | from |
|---|---|---|---|---|
{objectives}

## What each objective did

{did}

## Limits

The rewards are what the scorers say, not what people say; read samples before you use the model. `run.json` names every
version, plugin, scorer and seed; `config.resolved.yaml` runs it again; `metrics.jsonl` holds the curves.
"""
