"""Low-rank adapters (PEFT), put in by transformers' own mixin: the model keeps its class and its fast layouts."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from upo_sdk.errors import ConfigError, ModelError, did_you_mean
from upo_sdk.records import RunAdapter

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from upo_sdk.config import LoraConfig, ModelConfig

__all__ = [
    "add_adapter",
    "base_of",
    "has_adapter",
    "is_adapter",
    "load_adapter",
    "merge_adapter",
    "require_peft",
    "save_adapter",
    "settings_of_adapter",
    "take_adapter_weights",
]

_ALL_LINEAR = "all-linear"
_SAVED_PREFIX = "base_model.model."
"""In front of every name in a saved adapter: PEFT's own wrapper, which transformers' mixin does without."""
_PEFT_NAMES = {"alpha": "lora_alpha", "dropout": "lora_dropout"}
"""What PEFT calls settings that have another name here."""


def is_adapter(path: str) -> bool:
    """Return whether a path is the folder of an adapter."""
    return (Path(path) / RunAdapter.CONFIG).is_file()


def base_of(config: ModelConfig) -> ModelConfig:
    """Return the model that an adapter belongs to, with the tokenizer of the adapter; another model is its own.

    Raises:
        ModelError: The adapter does not name it.
    """
    if not is_adapter(config.path):
        return config
    if (Path(config.path) / "config.json").is_file():
        raise ModelError(
            "the folder holds a whole model and an adapter, and either could be meant",
            where=config.path,
            fix=f"move {RunAdapter.CONFIG} and {RunAdapter.WEIGHTS} to a folder of their own",
        )
    saved = _read_config(Path(config.path))
    base = saved.get("base_model_name_or_path")
    if not base:
        raise ModelError(
            "the adapter does not name the model that it belongs to",
            where=str(Path(config.path) / RunAdapter.CONFIG),
            fix='add it there: "base_model_name_or_path": "FOLDER"',
        )
    if Path(base).is_absolute() and not Path(base).exists():
        raise ModelError(
            f"the model that the adapter belongs to is not there: {base}",
            where=str(Path(config.path) / RunAdapter.CONFIG),
            fix="write the folder where it is now there, as base_model_name_or_path",
        )
    has_tokenizer = (Path(config.path) / "tokenizer_config.json").is_file()
    tokenizer = config.tokenizer or (config.path if has_tokenizer else None)
    return config.model_copy(update={"path": base, "revision": saved.get("revision"), "tokenizer": tokenizer})


def settings_of_adapter(path: str, lora: LoraConfig) -> LoraConfig:
    """Return the settings of a saved LoRA adapter that is to be trained further.

    Raises:
        ConfigError: Other settings were given.
        ModelError: It is an adapter of another kind.
    """
    saved = _read_config(Path(path))
    if saved.get("peft_type") != "LORA":
        raise ModelError(
            f"the adapter is of another kind ({saved.get('peft_type')}), and only LoRA is trained",
            where=path,
            fix="merge it first: `upo merge`, and train a new adapter on the merged model",
        )
    found = {
        name: saved[_PEFT_NAMES.get(name, name)]
        for name in ("r", "alpha", "dropout", "use_dora", "use_rslora")
        if _PEFT_NAMES.get(name, name) in saved
    }
    targets = saved.get("target_modules") or _ALL_LINEAR
    found["target_modules"] = tuple(sorted([targets] if isinstance(targets, str) else targets))
    found["modules_to_save"] = tuple(sorted(saved.get("modules_to_save") or ()))
    for name in lora.given():
        if getattr(lora, name) != found.get(name):
            raise ConfigError(
                f"the adapter that is trained further has {name} {found.get(name)}, not {getattr(lora, name)}",
                where=f"`lora.{name}`",
                fix="leave it out; for another adapter, merge this one first: `upo merge`",
            )
    return lora.model_copy(update=found)


def require_peft(where: str) -> None:
    """Check that PEFT is installed.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("peft") is None:
        raise ConfigError("adapters need the package peft", where=where, fix="pip install 'upo-sdk[peft]'")


def add_adapter(lm: PreTrainedModel, lora: LoraConfig, *, seed: int) -> None:
    """Freeze the weights and put in a new adapter, which changes no output yet.

    Args:
        lm: The language model; it may be on the meta device.
        lora: What the adapter looks like.
        seed: Of its first weights.

    Raises:
        ConfigError: PEFT is not installed, or the model has no such modules.
    """
    require_peft("`lora.use_peft`")
    from peft import LoraConfig as AdapterConfig

    targets = [name for name in lora.target_modules if name != _ALL_LINEAR]
    _check_names(lm, targets, "target_modules")
    _check_names(lm, lora.modules_to_save, "modules_to_save")
    settings = AdapterConfig(
        r=lora.r,
        lora_alpha=cast("int", lora.alpha),  # PEFT takes any number
        lora_dropout=lora.dropout,
        target_modules=targets or _ALL_LINEAR,
        modules_to_save=list(lora.modules_to_save) or None,
        use_dora=lora.use_dora,
        use_rslora=lora.use_rslora,
        task_type="CAUSAL_LM",
        ensure_weight_tying=_shares_weight(lm, (*targets, *lora.modules_to_save)),
    )
    torch.manual_seed(seed)
    try:
        lm.add_adapter(settings)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(
            f"no adapter can be put there: {_first_line(error)}",
            where="`lora.target_modules`",
            fix="leave it out: every linear layer but the head gets one",
        ) from error
    _in_float32(lm)


def load_adapter(lm: PreTrainedModel, folder: Path) -> None:
    """Freeze the weights and put in a saved adapter, to be trained further.

    Raises:
        ConfigError: PEFT is not installed.
        ModelError: The adapter is damaged, or belongs to another model.
    """
    require_peft(str(folder))
    from peft import PeftConfig

    with _fitting(folder):
        settings = PeftConfig.from_pretrained(str(folder))
        settings.inference_mode = False
        lm.add_adapter(settings)
    take_adapter_weights(lm, folder)
    _in_float32(lm)


def has_adapter(lm: nn.Module) -> bool:
    """Return whether an adapter was put in."""
    return "peft_config" in vars(lm)


def take_adapter_weights(lm: PreTrainedModel, folder: Path) -> None:
    """Take the weights of a saved adapter that looks like the one in the model.

    Raises:
        ModelError: It is damaged, or looks otherwise.
    """
    from peft import set_peft_model_state_dict

    with _fitting(folder):
        saved = load_file(folder / RunAdapter.WEIGHTS)
        weights = {name.removeprefix(_SAVED_PREFIX): tensor for name, tensor in saved.items()}
        found: Any = set_peft_model_state_dict(lm, weights)
        of_adapter = {name for name, parameter in lm.named_parameters() if parameter.requires_grad}
        alone = sorted({*found.unexpected_keys, *(of_adapter & set(found.missing_keys))})
        if alone:
            msg = f"{len(alone)} weights have no counterpart, for example '{alone[0]}'"
            raise ValueError(msg)


def save_adapter(lm: PreTrainedModel, folder: Path, state_dict: dict[str, Tensor] | None = None) -> None:
    """Write the adapter as PEFT does, so that PEFT and transformers both read it.

    transformers' mixin would leave out one of two modules that share a weight, and PEFT would then refuse the file; of
    DoRA, it reads magnitudes only under the name that a weight has, which PEFT reads, too.

    Args:
        lm: With an adapter.
        folder: Is made if it is not there.
        state_dict: All weights, where those in the model are sharded.
    """
    from peft import get_peft_model_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Tensor] = get_peft_model_state_dict(lm, state_dict, save_embedding_layers=False)
    copies = {
        f"{_SAVED_PREFIX}{name}{'.weight' if name.endswith('lora_magnitude_vector') else ''}": tensor.detach()
        .cpu()
        .clone()
        for name, tensor in weights.items()
    }
    save_file(copies, folder / RunAdapter.WEIGHTS, metadata={"format": "pt"})
    settings = lm.peft_config["default"]
    base = Path(str(settings.base_model_name_or_path))
    settings.base_model_name_or_path = str(base.resolve()) if base.is_dir() else str(base)
    settings.save_pretrained(str(folder))


def merge_adapter(lm: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Return the model with a saved adapter added to its weights: a plain model, as fast as its base.

    Raises:
        ConfigError: PEFT is not installed.
        ModelError: The adapter is damaged, belongs to another model, or is of a kind that cannot be merged.
    """
    require_peft(str(folder))
    from peft import PEFT_TYPE_TO_TUNER_MAPPING, PeftConfig

    with _fitting(folder):
        settings = PeftConfig.from_pretrained(str(folder))
        settings.inference_mode = False  # only an active adapter is merged
        tuner: Any = PEFT_TYPE_TO_TUNER_MAPPING[cast("Any", settings.peft_type)](lm, settings, "default")
        take_adapter_weights(lm, folder)
        merged: PreTrainedModel = tuner.merge_and_unload()
    return merged


@contextmanager
def _fitting(folder: Path) -> Generator[None]:
    """Turn what PEFT raises for an adapter that does not fit into a :class:`ModelError`."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RuntimeError, OSError, SafetensorError, AttributeError) as error:
        raise ModelError(
            f"the adapter does not fit the model that it names: {_first_line(error)}",
            where=str(folder),
            fix="copy or download it again, and check base_model_name_or_path in its adapter_config.json",
        ) from error


def _check_names(lm: nn.Module, names: Sequence[str], setting: str) -> None:
    """Check that every name is the end of a module's name: PEFT would pass over one that is not."""
    there = {name for name, _ in lm.named_modules()}
    short = sorted({name.rpartition(".")[2] for name, module in lm.named_modules() if hasattr(module, "weight")})
    for name in names:
        if name not in there and not any(module.endswith(f".{name}") for module in there):
            raise ConfigError(
                f"the model has no module '{name}'",
                where=f"`lora.{setting}`",
                fix=f"{did_you_mean(name, short)}it has {', '.join(short)}",
            )


def _shares_weight(lm: Any, names: Sequence[str]) -> bool:
    """Return whether an adapter changes an embedding whose weight the head shares; both must then change alike."""
    inside, outside = lm.get_input_embeddings(), lm.get_output_embeddings()
    if outside is None or inside.weight is not outside.weight:
        return False
    tied = [name for name, module in lm.named_modules() if module is inside or module is outside]
    return any(full == name or full.endswith(f".{name}") for full in tied for name in names)


def _in_float32(lm: nn.Module) -> None:
    """Keep the adapter in fp32 whatever the model is kept in: half precision swallows its small steps."""
    for name, parameter in lm.named_parameters():
        if "lora_" in name and parameter.requires_grad:
            parameter.data = parameter.data.float()


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RunAdapter.CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the adapter's settings cannot be read: {_first_line(error)}",
            where=str(folder / RunAdapter.CONFIG),
            fix="copy or download the adapter again",
        ) from error
    return found if isinstance(found, dict) else {}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
