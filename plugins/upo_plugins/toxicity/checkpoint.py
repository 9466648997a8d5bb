"""Checkpoints in Detoxify's format, loaded without running anything they contain and without guessing weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from upo_plugins.toxicity.classifier import ClassifierScorer
from upo_plugins.toxicity.labels import INSTEAD, WHERE, standard_names
from upo_sdk.classifiers import config_sha256, files_sha256, hub_folder, is_complete, load_tokenizer
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from upo_plugins.toxicity.options import ToxicityOptions

__all__ = ["load_checkpoint"]

# Saved by older releases of Transformers and read by none of today's classifiers.
_OBSOLETE = (".position_ids", ".pooler.dense.weight", ".pooler.dense.bias")


def load_checkpoint(path: Path, name: str, options: ToxicityOptions, device: str) -> ClassifierScorer:
    """Load ``{"state_dict", "config": {"arch": {"args": ...}, "dataset": {"args": {"classes": ...}}}}``.

    The architecture and the tokenizer come from ``options.base``; else from the checkpoint's own folder if it holds a
    config and a vocabulary; else from the hub model that the checkpoint names.

    Raises:
        ModelError: The file is not such a checkpoint, holds more than weights, or does not fit the architecture.
        OfflineError: The architecture and the tokenizer would have to be downloaded.
    """
    loaded = _read(path)
    architecture, classes = _config(loaded, path)
    base = _base_folder(path, architecture["model_type"], options)
    return ClassifierScorer(
        _build(base, int(architecture["num_classes"]), loaded["state_dict"], path),
        load_tokenizer(base),
        labels=standard_names(classes),
        exclusive=False,
        fingerprint={
            "scorer": name,
            "weights_sha256": files_sha256([path]),
            "config_sha256": config_sha256(base),
        },
        options=options,
        device=device,
    )


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # The cause may advise weights_only=False, which would run the code: its text is not repeated.
        raise ModelError(
            f"this is not a checkpoint of plain weights ({type(error).__name__}); nothing in it was run",
            where=str(path),
            fix="use a checkpoint that torch.load(..., weights_only=True) can read, or a folder with safetensors",
        ) from error


def _config(loaded: Any, path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        architecture, classes = loaded["config"]["arch"]["args"], list(loaded["config"]["dataset"]["args"]["classes"])
        sound = len(classes) <= int(architecture["num_classes"]) and "model_type" in architecture
    except (KeyError, TypeError, ValueError):
        architecture, classes, sound = {}, [], False
    if not sound or not classes or "state_dict" not in loaded:
        raise ModelError(
            "this is not a Detoxify checkpoint: it lacks its weights, its architecture or the names of its classes",
            where=str(path),
            fix="it needs state_dict, config.arch.args (model_type, num_classes) and config.dataset.args.classes",
        )
    return architecture, classes


def _base_folder(path: Path, model_type: str, options: ToxicityOptions) -> Path:
    if options.base is not None and Path(options.base).expanduser().is_dir():
        return Path(options.base).expanduser()
    if options.base is None and is_complete(path.parent, weights=False):
        return path.parent
    return hub_folder(options.base or model_type, weights=False, where=WHERE, instead=INSTEAD)


def _build(base: Path, outputs: int, state: dict[str, Any], path: Path) -> Any:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    try:
        config = AutoConfig.from_pretrained(base, num_labels=outputs, local_files_only=True, trust_remote_code=False)
        with torch.random.fork_rng():  # every weight is replaced below, and the run's random numbers are not ours
            classifiers: Any = AutoModelForSequenceClassification
            model = classifiers.from_config(config, dtype=torch.float32)
    except Exception as error:
        raise ModelError(
            f"the config of the checkpoint cannot be used: {type(error).__name__}: {error}",
            where=str(base),
            fix="name a folder with config.json and the tokenizer's files: base=FOLDER",
        ) from error
    expected = model.state_dict().keys()
    known = {key: tensor for key, tensor in state.items() if key in expected or not key.endswith(_OBSOLETE)}
    try:
        model.load_state_dict(known, strict=True)
    except RuntimeError as error:
        raise ModelError(
            f"the weights do not fit the architecture: {error}",
            where=f"{path}, config from {base}",
            fix="use the whole checkpoint, and the config it was trained with: base=FOLDER",
        ) from error
    return model
