"""Where model and data came from, in words that mean the same on another machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.records import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["data_origin", "model_origin"]

_CARD = "README.md"
_LICENCE = ("license", "license_name", "license_link")


def model_origin(path: str, revision: str | None, *, is_demo: bool = False) -> Origin:
    """Return name and licence of a base model, as far as they are known; nothing is fetched.

    A local folder has no ``hub_id`` unless its own card names the model that it was made from.
    """
    if is_demo:
        return Origin(name="the demo model of UPO SDK", license="apache-2.0")
    local = Path(path).expanduser()
    known = _card_data(local / _CARD if local.is_dir() else _cached_card(path, revision))
    above = known.get("base_model")
    hub_id = (above if isinstance(above, str) else None) if local.exists() else path
    licence = {key: known[key] for key in _LICENCE if isinstance(known.get(key), str)}
    return Origin(name=local.resolve().name if local.exists() else path, hub_id=hub_id, **licence)


def data_origin(path: str) -> Origin:
    """Return the name of a dataset; a local file has no ``hub_id``."""
    local = Path(path).expanduser()
    return Origin(name=local.name) if local.exists() else Origin(name=path, hub_id=path)


def _cached_card(repo_id: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo_id, _CARD, revision=revision)
    return Path(found) if isinstance(found, str) else None


def _card_data(path: Path | None) -> Mapping[str, Any]:
    import yaml
    from huggingface_hub import ModelCard

    if path is None or not path.is_file():
        return {}
    with suppress(OSError, ValueError, yaml.YAMLError):  # somebody else's card: what cannot be read is not known
        known: dict[str, Any] = ModelCard.load(path, ignore_metadata_errors=True).data.to_dict()
        return known
    return {}
