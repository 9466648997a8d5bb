"""Loading a language model and its tokenizer: safetensors only, no remote code, a missing weight is an error."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from upo_sdk.data.chat_template import choose_template
from upo_sdk.errors import ModelError, did_you_mean
from upo_sdk.network import is_hub_name, require_cached_or_online
from upo_sdk.policy.adapter import base_of, is_adapter, load_adapter, merge_adapter
from upo_sdk.policy.dropout import disable_dropout
from upo_sdk.policy.model_kind import check_architecture, check_files, check_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.config import ModelConfig

__all__ = [
    "check_vocabulary",
    "load_errors",
    "load_language_model",
    "load_model_config",
    "load_tokenizer",
    "resolve_dtype",
]

WEIGHT_ALIGNMENT = 64
"""Bytes to whose multiples torch allocates every tensor; the vector instructions of a CPU read no more at a time."""

_MODEL = "`model.path=FOLDER`"
_TOKENIZER = "`model.tokenizer=FOLDER`"


def load_language_model(
    config: ModelConfig,
    weights_from: str | None = None,
    *,
    keep_adapter: bool = False,
    warn: Callable[[str], None] = lambda _text: None,
) -> PreTrainedModel:
    """Load the model, in evaluation mode on the CPU.

    Args:
        config: Which model, or which adapter of one.
        weights_from: A checkpoint folder to take the weights from instead.
        keep_adapter: Keep an adapter apart, to be trained further; else it is merged into the weights.
        warn: Receives what is said of weights in the files that the model has no place for.

    Raises:
        ModelError: It is missing, incomplete, not safetensors, needs code from the hub, or has weights that are no
            finite numbers.
    """
    from transformers import AutoModelForCausalLM

    path = weights_from or config.path
    if is_adapter(path):
        lm = load_language_model(base_of(config.model_copy(update={"path": path})), warn=warn)
        if not keep_adapter and not config.is_quantized:
            lm = merge_adapter(lm, Path(path))
        else:
            load_adapter(lm, Path(path))
        adapted: PreTrainedModel = lm.eval()  # type: ignore[no-untyped-call]  # of transformers
        return adapted
    _check_place(path, _MODEL)
    model, info = _load(
        AutoModelForCausalLM.from_pretrained,
        path,
        revision=None if weights_from else config.revision,
        dtype=resolve_dtype(config),
        attn_implementation=config.attn_implementation,
        use_safetensors=True,
        output_loading_info=True,
        **_quantization(config),
    )
    if info["missing_keys"]:
        raise ModelError(
            f"{len(info['missing_keys'])} weights are missing, for example '{min(info['missing_keys'])}'",
            where=path,
            fix="use a complete causal language model; missing weights would be random",
        )
    if unused := info["unexpected_keys"]:
        warn(
            f"{len(unused)} weights in {path} are not used, for example '{min(unused)}': the model in its config.json "
            "has no such weights"
        )
    _check_finite(model, path)
    if not config.dropout:
        disable_dropout(model)
    _align_weights(model)
    loaded: PreTrainedModel = model.eval()
    return loaded


def load_tokenizer(config: ModelConfig) -> PreTrainedTokenizerBase:
    """Load the tokenizer of the model.

    Raises:
        ModelError: It is missing or broken, or has no such chat template.
    """
    from transformers import AutoTokenizer

    config = base_of(config)
    path, setting = (config.tokenizer, _TOKENIZER) if config.tokenizer else (config.path, _MODEL)
    _check_place(path, setting)
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer.from_pretrained, path, revision=config.revision)
    added: Any = tokenizer.get_added_vocab  # of transformers, untyped
    if len(tokenizer.get_vocab()) <= len(added()):  # what transformers makes without its files
        raise ModelError(
            "the tokenizer has no vocabulary beside its special tokens: tokenizer.json is missing or empty",
            where=path,
            fix=f"download or copy the model's tokenizer files again, or name another: {_TOKENIZER}",
        )
    choose_template(tokenizer, config.chat_template)
    return tokenizer


def load_model_config(config: ModelConfig, *, setting: str = _MODEL) -> Any:
    """Load the model's configuration alone, for a plan that loads no weights.

    Args:
        config: Which model.
        setting: The setting that names a folder there, for an error's fix.

    Raises:
        ModelError: It is missing or broken, or that of another kind of model.
    """
    from transformers import AutoConfig

    if is_adapter(config.path):
        check_weights(Path(config.path))
        return load_model_config(base_of(config), setting=setting)
    _check_place(config.path, setting)
    check_files(Path(config.path), setting)
    found = _load(AutoConfig.from_pretrained, config.path, revision=config.revision)
    check_architecture(found, config.path)
    return found


def _check_finite(lm: PreTrainedModel, path: str) -> None:
    for name, parameter in lm.named_parameters():
        if not bool(parameter.isfinite().all()):
            raise ModelError(
                f"the weights '{name}' contain NaN or infinite numbers: the run that saved them diverged",
                where=path,
                fix="give an earlier checkpoint, or download or copy the model again",
            )


def check_vocabulary(lm: PreTrainedModel, largest_id: int, path: str) -> None:
    """Check that the largest token id of the data has an embedding.

    Raises:
        ModelError: The tokenizer is larger than the model's vocabulary.
    """
    embeddings: Any = lm.get_input_embeddings()
    if largest_id >= embeddings.weight.shape[0]:
        raise ModelError(
            f"the tokenizer gives token {largest_id:,}, and the model has {embeddings.weight.shape[0]:,} embeddings",
            where=path,
            fix="give the tokenizer that belongs to the model: `model.tokenizer=FOLDER`",
        )


def _align_weights(model: PreTrainedModel) -> None:
    """Copy weights that lie where the header of their file ends: the last bits of products depend on the place.

    Without it, a model would compute other bits from its checkpoint than from the weights it has in memory.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.data_ptr() % WEIGHT_ALIGNMENT:
            tensor.data = tensor.data.clone()


def _quantization(config: ModelConfig) -> dict[str, Any]:
    if not config.is_quantized:
        return {}
    from transformers import BitsAndBytesConfig

    dtype = resolve_dtype(config)
    make: Any = BitsAndBytesConfig  # of transformers, untyped
    four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    compute = {} if dtype == "auto" else {"bnb_4bit_compute_dtype": dtype}
    bits = {"load_in_4bit": True, **four, **compute} if config.load_in_4bit else {"load_in_8bit": True}
    return {"quantization_config": make(**bits)}


def resolve_dtype(config: ModelConfig) -> Any:
    """Return the torch dtype of the weights, or ``"auto"``: that of the files."""
    import torch

    return "auto" if config.dtype == "auto" else getattr(torch, config.dtype)


@contextmanager
def load_errors(path: str) -> Generator[None]:
    """Turn what transformers raises while it loads into a :class:`ModelError`."""
    from huggingface_hub.errors import StrictDataclassError  # a value of another type than a field of the configuration

    values = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, StrictDataclassError)
    try:
        yield
    except (OSError, RuntimeError, ImportError, SafetensorError, *values) as error:
        first, *rest = str(error).strip().splitlines() or [type(error).__name__]
        reason = f"{first} {rest[0].strip()}" if first.endswith(":") and rest else first
        raise ModelError(
            f"the model cannot be loaded: {reason}",
            where=path,
            fix="give a folder made by save_pretrained (config.json, model.safetensors, tokenizer), or a hub name",
        ) from error


def _load(load: Callable[..., Any], path: str, **options: Any) -> Any:
    with load_errors(path):
        return load(path, trust_remote_code=False, **options)


def _check_place(path: str, setting: str) -> None:
    """Check that a path exists, or that a hub name is cached or can be downloaded."""
    if Path(path).exists():
        return
    if Path(path).is_absolute() or path.startswith((".", "~")) or path.count("/") > 1:
        folder = Path(path).parent
        beside = [item.name for item in folder.iterdir() if item.is_dir()] if folder.is_dir() else []
        raise ModelError(
            "there is no such model folder",
            where=path,
            fix=f"{did_you_mean(Path(path).name, beside)}check the path: {setting}",
        )
    if not is_hub_name(path):
        raise ModelError(
            f"'{path}' is neither a folder nor the name of a model on the hub",
            where=path,
            fix=f"check the path or the name, for example owner/name: {setting}",
        )
    require_cached_or_online(path, instead=setting)
