"""A small world, its preference data and a small language model, shipped with the SDK.

In this world a quarter of the labels like the ruder answer better. Preference tuning alone learns the rudeness;
``toxicity:0.3`` removes it and keeps the answers helpful. ``python scripts/make_demo.py`` rebuilds the assets.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["demo_data_path", "demo_eval_path", "demo_model_path"]


def demo_model_path() -> Path:
    """Return the folder of the demo's language model and tokenizer, in the Hugging Face layout."""
    return _asset("model")


def demo_data_path() -> Path:
    """Return the 2,000 training pairs: gzipped JSON lines with ``prompt, chosen, rejected, conflict``."""
    return _asset("data", "train.jsonl.gz")


def demo_eval_path() -> Path:
    """Return the 200 held-out pairs, whose prompts do not occur in training; columns as in the training pairs."""
    return _asset("data", "held_out.jsonl.gz")


def _asset(*parts: str) -> Path:
    return Path(str(files(__name__).joinpath("assets", *parts)))
