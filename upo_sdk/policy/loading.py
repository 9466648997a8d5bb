"""Loading a language model and its tokenizer: safetensors only, no remote code, a missing weight is an error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from upo_sdk.errors import ModelError
from upo_sdk.network import require_cached_or_online

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from upo_sdk.config import ModelConfig

__all__ = ["check_vocabulary", "count_parameters", "load_language_model", "load_model_config", "load_tokenizer"]

_OPTION = "--model FOLDER"


def load_language_model(config: ModelConfig, weights_from: str | None = None) -> PreTrainedModel:
    """Load the model, in evaluation mode on the CPU.

    Args:
        config: Which model.
        weights_from: A checkpoint folder to take the weights from instead.

    Raises:
        ModelError: It is missing, incomplete, not safetensors, or needs code from the hub.
    """
    import torch
    from transformers import AutoModelForCausalLM

    path = weights_from or config.path
    dtype = "auto" if config.dtype == "auto" else getattr(torch, config.dtype)
    model, info = _load(
        AutoModelForCausalLM.from_pretrained,
        path,
        revision=None if weights_from else config.revision,
        dtype=dtype,
        attn_implementation=config.attn_implementation,
        use_safetensors=True,
        output_loading_info=True,
    )
    if info["missing_keys"]:
        raise ModelError(
            f"{len(info['missing_keys'])} weights are missing, such as '{min(info['missing_keys'])}'",
            where=path,
            fix="use a complete causal language model; missing weights would be random",
        )
    if not config.dropout:
        _disable_dropout(model)
    loaded: PreTrainedModel = model.eval()
    return loaded


def load_tokenizer(config: ModelConfig) -> PreTrainedTokenizerBase:
    """Load the tokenizer of the model.

    Raises:
        ModelError: It is missing or broken.
    """
    from transformers import AutoTokenizer

    path, option = (config.tokenizer, "--tokenizer FOLDER") if config.tokenizer else (config.path, _OPTION)
    tokenizer: PreTrainedTokenizerBase = _load(
        AutoTokenizer.from_pretrained, path, option=option, revision=config.revision
    )
    return tokenizer


def load_model_config(config: ModelConfig, *, option: str = _OPTION) -> Any:
    """Load the model's configuration alone, for a plan that loads no weights.

    Args:
        config: Which model.
        option: How the user names a folder there, for an error's fix.

    Raises:
        ModelError: It is missing or broken.
    """
    from transformers import AutoConfig

    return _load(AutoConfig.from_pretrained, config.path, option=option, revision=config.revision)


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
            fix="give the tokenizer that belongs to the model: --tokenizer",
        )


def count_parameters(model_config: Any, path: str) -> int:
    """Count the parameters of a model without allocating them.

    Raises:
        ModelError: The configuration is not that of a causal language model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    def build(_path: str, **_options: Any) -> Any:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(model_config)  # type: ignore[no-untyped-call]  # of transformers

    return sum(parameter.numel() for parameter in _load(build, path).parameters())


def _disable_dropout(model: nn.Module) -> None:
    """Set every dropout probability of the modules to zero; the saved configuration keeps its own."""
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, float) and ("dropout" in name or (name == "p" and "Dropout" in type(module).__name__)):
                setattr(module, name, 0.0)


def _load(load: Callable[..., Any], path: str, *, option: str = _OPTION, **options: Any) -> Any:
    _check_path(path, option)
    try:
        return load(path, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"the model cannot be loaded: {reason}",
            where=path,
            fix="give a folder made by save_pretrained (config.json, model.safetensors, tokenizer), or a hub name",
        ) from error


def _check_path(path: str, option: str) -> None:
    if Path(path).is_dir():
        if not (Path(path) / "config.json").is_file() and not (Path(path) / "tokenizer_config.json").is_file():
            raise ModelError(
                "the folder holds no model: config.json is missing",
                where=path,
                fix="give the folder that save_pretrained wrote",
            )
        return
    if Path(path).is_absolute() or path.startswith((".", "~")) or path.count("/") > 1:
        raise ModelError("there is no such model folder", where=path, fix=f"check the path: {option}")
    require_cached_or_online(path, "config.json", option=option)
