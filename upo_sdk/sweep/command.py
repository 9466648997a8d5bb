"""The ``upo train`` command of a configuration."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from upo_sdk.config import ObjectiveRef

__all__ = ["train_command"]

_FLAGS = {"model.path": "--model", "data.path": "--data", "data.format": "--data_format"}


def train_command(settings: Mapping[str, Any], objectives: Sequence[ObjectiveRef], output_dir: str) -> str:
    """Return a command line that makes the same run; without keys and passwords of URLs.

    Args:
        settings: Nested, as written; ``objectives`` and ``output_dir`` in it are not looked at.
        objectives: Whose options can be written in text form.
        output_dir: Where the run writes.
    """
    words = ["upo", "train"]
    for ref in objectives:
        words += ["--objective", str(ref)]
    for section, value in settings.items():
        if section == "plugins":
            words += _plugin_words(value)
        elif section not in {"objectives", "output_dir"}:
            words += [word for key, leaf in _leaves(section, value) for word in _words(key, leaf)]
    return shlex.join([*words, "--output_dir", output_dir])


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(f"{key}.{name}", below)
    else:
        yield key, value


def _words(key: str, value: Any) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or key.startswith("training.arguments."):
        return ["--set", f"{key}={json.dumps(value)}"]
    return [_FLAGS.get(key, f"--{key.rpartition('.')[2]}"), str(value)]


def _plugin_words(policy: Mapping[str, Any]) -> list[str]:
    words = list[str]()
    for key, value in policy.items():
        if key == "allow":
            words += ["--plugins", value if isinstance(value, str) else ",".join(value)] if value != "auto" else []
        elif key in {"block", "require"}:
            words += [word for name in value for word in (f"--{key}_plugin", name)]
        else:
            words += ["--set", f"plugins.{key}={json.dumps(value)}"]
    return words
