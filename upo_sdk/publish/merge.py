"""Turns an adapter into a plain model, and says by how much its log-probs changed."""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from upo_sdk import demo
from upo_sdk.atomic_file import check_takes_files
from upo_sdk.config import build_config, read_config_file
from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.errors import ModelError, OutputError
from upo_sdk.policy import load_language_model, load_tokenizer
from upo_sdk.policy.adapter import base_of, is_adapter
from upo_sdk.policy.layouts.single import plain_forward

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.config import ModelConfig

__all__ = ["MergedAdapter", "merge_adapter_to"]

_TEXTS = 16
_TOKENS = 64


@dataclass(frozen=True, slots=True)
class MergedAdapter:
    """A merged model.

    Attributes:
        folder: Where it is.
        base: The model that the adapter belongs to.
        tokens: How many log-probs were compared.
        largest: The largest difference of a log-prob, in nats.
        mean: The mean absolute difference.
    """

    folder: Path
    base: str
    tokens: int
    largest: float
    mean: float


def merge_adapter_to(folder: Path, adapter: ModelConfig) -> MergedAdapter:
    """Add an adapter to the weights of its model, and save the sum as a plain model with its tokenizer.

    Log-probs of some short texts are compared before and after; before, the model's weights have the bits that the run
    trained with. Half precision rounds the adapter's share away in part.

    Args:
        folder: Must be free; it appears once it is complete.
        adapter: The folder of a run, a checkpoint or any other adapter, and how the merged weights are kept.

    Raises:
        ModelError: It is no adapter, or its model cannot be loaded.
        OutputError: The folder is not free, or cannot be written.
    """
    if not is_adapter(adapter.path):
        raise ModelError(
            "the folder holds no adapter: there is nothing to merge",
            where=adapter.path,
            fix="give a folder with adapter_config.json, for example that of a run with `lora.use_peft`",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError("the output folder is not empty", where=str(folder), fix="choose another `output_dir`")
    check_takes_files(folder)
    tokenizer = load_tokenizer(adapter)
    texts = _token_ids(tokenizer)
    apart = _logps(load_language_model(_as_trained(adapter), keep_adapter=True), texts)
    merged = load_language_model(adapter)
    difference_T = (_logps(merged, texts) - apart).abs()
    _save(merged, tokenizer, folder)
    return MergedAdapter(
        folder=folder,
        base=base_of(adapter).path,
        tokens=len(difference_T),
        largest=float(difference_T.max()),
        mean=float(difference_T.mean()),
    )


def _as_trained(adapter: ModelConfig) -> ModelConfig:
    """Return how the run that left an adapter kept the weights of its model; one without a run is kept in fp32."""
    own = Path(adapter.path)
    run = next((folder for folder in (own, own.absolute().parent) if (folder / RESOLVED_CONFIG).is_file()), None)
    trained = run and build_config(read_config_file(run / RESOLVED_CONFIG)).model
    kept = trained.model_dump(include={"dtype", "load_in_4bit", "load_in_8bit"}) if trained else {"dtype": "float32"}
    return adapter.model_copy(update=kept)


def _token_ids(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Return some short texts as tokens: those of the demo, which every installation has."""
    with gzip.open(demo.demo_eval_path(), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, _TEXTS)]
    texts = [f"{row['prompt']} {row['chosen']}" for row in rows]
    return [tokenizer(text)["input_ids"][:_TOKENS] for text in texts]


def _logps(lm: PreTrainedModel, texts: list[list[int]]) -> Tensor:
    """Return the log-prob of every token but the first of every text, in one row."""
    with torch.no_grad():
        found = [plain_forward(lm, torch.tensor(ids, device=lm.device), len(ids) - 1)[0] for ids in texts]
    return torch.cat(found).float()


def _save(lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}-", ignore_cleanup_errors=True
        ) as name:
            lm.save_pretrained(name)
            tokenizer.save_pretrained(name)
            if folder.exists():
                folder.rmdir()
            Path(name).rename(folder)
    except OSError as error:
        raise OutputError(
            f"the merged model cannot be written: {error.strerror or error}",
            where=str(folder),
            fix="free some space, or choose another `output_dir`",
        ) from error
