"""What a path that is no causal language model is instead, and what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from upo_sdk.atomic_file import PULL, is_git_lfs_pointer
from upo_sdk.errors import ModelError
from upo_sdk.records import RunAdapter, RunRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["check_architecture", "check_files", "check_weights"]

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_CONVERT = (
    "convert them, on a machine where you trust the files: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained"
    "(NEW_FOLDER), and save the tokenizer there too"
)
_ORIGINAL = "give the folder or hub name of the model that it was made from"
_GGUF = "GGUF weights are for llama.cpp: rounded, and not to be trained"
_WHOLE_FOLDER = "give the folder that save_pretrained wrote (config.json, model.safetensors, tokenizer)"

_FILES = {
    ".gguf": (_GGUF, _ORIGINAL),
    ".safetensors": ("this is a file of weights alone", _WHOLE_FOLDER),
    ".json": ("this is one file of a model", _WHOLE_FOLDER),
    ".onnx": ("an ONNX model is for inference and cannot be trained", _ORIGINAL),
    **dict.fromkeys((".bin", ".pt", ".pth", ".ckpt"), ("pickled weights can run code and are not read", _CONVERT)),
}
_HEADS = {
    "ForSequenceClassification": "a classifier, or a reward model",
    "ForTokenClassification": "a classifier of tokens",
    "ForQuestionAnswering": "a model that marks answers in a text",
    "ForMultipleChoice": "a model that chooses among answers",
    "ForMaskedLM": "an encoder that fills in masked words",
    "ForPreTraining": "an encoder with the heads of its pre-training",
    "ForImageTextToText": "a model of images and text",
    "ForSpeechSeq2Seq": "a model that turns speech into text",
    "ForCTC": "a model that turns speech into text",
    "ForImageClassification": "a model of images",
}
_INSTEAD = "give a causal language model, such as one whose config.json names a ...ForCausalLM"
_WITHOUT_CONFIG = (
    (("model_index.json",), "this is a pipeline of diffusers, which makes images", _INSTEAD),
    (("modules.json",), "this is an embedding model of sentence-transformers", _INSTEAD),
    (("*.gguf",), _GGUF, _ORIGINAL),
    (
        ("params.json", "consolidated.*"),
        "these are weights in their publisher's own format, without config.json",
        "give the version for transformers; hubs usually have it beside this one",
    ),
    (
        ("tokenizer_config.json", "tokenizer.json"),
        "the folder holds a tokenizer and no model: config.json is missing",
        "give the model's folder: `model.path=FOLDER`; a separate tokenizer is `model.tokenizer`",
    ),
)


def check_files(path: Path, setting: str) -> None:
    """Check by the names of its files that a path may be a language model in Hugging Face layout.

    Raises:
        ModelError: It is a single file, a tokenizer, or a model of another format.
    """
    if path.is_file():
        what, fix = _FILES.get(path.suffix.lower(), ("this is a file, not a model's folder", _WHOLE_FOLDER))
        raise ModelError(what, where=str(path), fix=f"{fix}: {setting}")
    if not path.is_dir():
        return
    if not (path / "config.json").is_file():
        what, fix = _without_config(path)
        raise ModelError(what, where=str(path), fix=fix)
    for name in ("config.json", "tokenizer.json"):
        _check_no_pointer(path / name)


def check_weights(path: Path) -> None:
    """Check that the weights of a folder are there, whole and safetensors; no weight is read.

    Raises:
        ModelError: They are not.
    """
    if not path.is_dir():
        return
    names = _weight_files(path)
    if not names:
        what, fix = _without_weights(path)
        raise ModelError(what, where=str(path), fix=fix)
    for name in names:
        _check_no_pointer(path / name)
        _check_whole(path / name)


def check_architecture(config: Any, path: str) -> None:
    """Check that a configuration is that of a causal language model with weights that can be trained.

    Raises:
        ModelError: It is not; it says what it is.
    """
    from transformers.models.auto import modeling_auto as auto

    method = _quantization(config)
    if method:
        raise ModelError(
            f"the weights are quantised ({method}), and rounded numbers cannot be trained",
            where=path,
            fix=f"{_ORIGINAL}; its name is usually the same without the suffix",
        )
    kind, saved = str(config.model_type), [str(name) for name in getattr(config, "architectures", None) or ()]
    loaded = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind)
    names = (loaded,) if isinstance(loaded, str) else tuple(loaded or ())
    what = _other_kind(config, saved, names, auto)
    if what:
        shown = f"{saved[0]}, " if saved else ""
        raise ModelError(f"this is {what} ({shown}type '{kind}')", where=path, fix=_INSTEAD)


def _other_kind(config: Any, saved: Sequence[str], loaded: Sequence[str], auto: Any) -> str | None:
    """Return what a configuration is, if it is no causal language model."""
    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        return "an encoder-decoder model"
    if any(name in loaded for name in saved):
        return None
    head = next((text for end, text in _HEADS.items() for name in saved if name.endswith(end)), None)
    if head and kind not in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return head
    if kind in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and (saved or not loaded):
        return "a model of images and text, of which only the text part would be trained"
    if kind in auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False) and _encodes(config):
        return "an encoder, which cannot generate text"
    return None if loaded else "no causal language model"


def _encodes(config: Any) -> bool:
    """Whether a model of this type is an encoder unless its configuration says ``is_decoder``."""
    return hasattr(config, "is_decoder") or "position_embedding_type" in vars(config)


def _quantization(config: Any) -> str | None:
    found = getattr(config, "quantization_config", None)
    if not found:
        return None
    values = found if isinstance(found, dict) else vars(found)
    method = values.get("quant_method", "unknown method")
    bits = values.get("bits") or (4 if values.get("load_in_4bit") else 8 if values.get("load_in_8bit") else None)
    return f"{getattr(method, 'value', method)}{f', {bits} bits' if bits else ''}"


def _without_config(path: Path) -> tuple[str, str]:
    """Return what a folder without config.json is, and what to do."""
    if (path / RunRecord.FILE).is_file():
        checkpoints = sorted(item.name for item in path.glob("checkpoint-*") if item.is_dir())
        fix = f"give {path / checkpoints[-1]}, or " if checkpoints else ""
        return "this is a run that is not finished", f"{fix}resume it: `resume_from_checkpoint=last`"
    found = (kind for patterns, *kind in _WITHOUT_CONFIG if any(any(path.glob(pattern)) for pattern in patterns))
    what, fix = next(found, ("the folder holds no model: config.json is missing", _WHOLE_FOLDER))
    return what, fix


def _weight_files(path: Path) -> list[str]:
    """Return the files that transformers would read weights from."""
    for name in ("model.safetensors", RunAdapter.WEIGHTS):
        if (path / name).is_file():
            return [name]
    index = path / "model.safetensors.index.json"
    return sorted(set(_read(index).get("weight_map", {}).values())) if index.is_file() else []


def _without_weights(path: Path) -> tuple[str, str]:
    if any(found := [next(iter(path.glob(pattern)), None) for pattern in _PICKLED]):
        name = next(item.name for item in found if item)
        return f"the weights are pickled ({name}): loading them could run code, so they are not loaded", _CONVERT
    if any(path.glob("*.gguf")):
        return _GGUF, _ORIGINAL
    if any(path.glob("*.h5")) or any(path.glob("*.msgpack")):
        return "the weights are those of TensorFlow or Flax", "give a version with model.safetensors"
    others = [item.name for item in path.glob("*.safetensors")]
    if others:
        return f"there is no model.safetensors, only {min(others)}", _WHOLE_FOLDER
    return "the folder has a config.json and no weights", _WHOLE_FOLDER


def _check_no_pointer(file: Path) -> None:
    if file.is_file() and is_git_lfs_pointer(file):
        raise ModelError("this is a pointer of Git LFS, not the file itself", where=str(file), fix=PULL)


def _check_whole(file: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt"):
            pass
    except FileNotFoundError:
        raise ModelError(
            f"a part of the weights is missing: {file.name}", where=str(file.parent), fix="download or copy it again"
        ) from None
    except (OSError, SafetensorError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"the weights are damaged or cut off: {reason}", where=str(file), fix="download or copy the file again"
        ) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
