"""``upo doctor``: its checks each answer within seconds, and none of them raises."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.option_names import as_options
from upo_cli.output import console, print_json
from upo_cli.shared import (
    BlockPlugin,
    Json,
    Plugins,
    load_plugins,
)
from upo_sdk.errors import UPOError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Check", "app", "run_checks"]

app = typer.Typer()

_STYLES = {"ok": "green", "warning": "yellow", "broken": "bold red"}


@app.command("doctor", cls=StrictCommand)
def doctor(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """Check libraries, device, memory, disk, network and plugins. The exit code is 1 if one is broken."""
    found = run_checks(plugins, block_plugin)
    broken = any(check.status == "broken" for check in found)
    if json:
        print_json({"healthy": not broken, "checks": found})
    else:
        _show(found)
    if broken:
        raise typer.Exit(1)


def _show(found: list[Check]) -> None:
    from rich.text import Text

    out = console()
    for check in found:
        line = Text.assemble((f"{check.status:8}", _STYLES[check.status]), f" {check.name:14} {check.detail}")
        if check.fix:
            line.append(f"\n{'':24}fix: {as_options(check.fix)}")
        out.print(line, soft_wrap=True)


_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "textstat", "detoxify")
_OPTIONAL = {
    **dict.fromkeys(("tensorboard", "wandb", "mlflow", "trackio"), "--report_to"),
    "bitsandbytes": "8-bit optimizers in --optim",
    "flash_attn": "--attn_implementation flash_attention_2",
    "deepspeed": "training.arguments.deepspeed",
}
"""Packages that an option asks for, and which."""
_LITTLE_DISK = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, the result, and how to fix it."""

    name: str
    status: Literal["ok", "warning", "broken"]
    detail: str
    fix: str | None = None


def run_checks(plugins: str | None = None, block_plugin: list[str] | None = None) -> list[Check]:
    """Run every check; the arguments are those of the command's options."""
    checks: list[Callable[[], Iterator[Check]]] = [
        _versions,
        _optional,
        _device,
        _memory,
        _disk,
        _cache,
        _network,
        lambda: _plugins(plugins, block_plugin),
        _demo,
    ]
    return [result for check in checks for result in _guarded(check)]


def _guarded(check: Callable[[], Iterator[Check]]) -> list[Check]:
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001 - a broken installation may raise anything, and this command reports it
        return [Check(getattr(check, "__name__", "check").strip("_<>"), "broken", f"{type(error).__name__}: {error}")]


def _versions() -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in ("upo-sdk", *_LIBRARIES):
        try:
            yield Check(name, "ok", version(name))
        except PackageNotFoundError:
            yield Check(name, "broken", "is not installed", f"pip install {name}")


def _optional() -> Iterator[Check]:
    """Name what some options need; none of it is imported."""
    installed = [name for name in _OPTIONAL if find_spec(name) is not None]
    missing = [f"{name} ({use})" for name, use in _OPTIONAL.items() if name not in installed]
    yield Check("optional", "ok", f"installed: {', '.join(installed) or 'none'}; not installed: {', '.join(missing)}")


def _device() -> Iterator[Check]:
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a broken build fails with OSError as well as ImportError
        yield Check(
            "device", "broken", f"torch cannot be imported: {error}", "install torch again: https://pytorch.org"
        )
        return
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            yield Check("device", "ok", f"cuda:{index} {name}, {_size(free)} free of {_size(total)}")
    elif torch.backends.mps.is_available():
        yield Check("device", "ok", "mps (Apple GPU)")
    else:
        yield Check("device", "ok", f"cpu, {os.cpu_count()} cores: enough for the demo, slow for larger models")


def _memory() -> Iterator[Check]:
    names = getattr(os, "sysconf_names", {})
    if {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys():
        yield Check("memory", "ok", f"{_size(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))} in total")


def _disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{_size(free)} free in {Path.cwd()}"
    if free < _LITTLE_DISK:
        yield Check("disk", "warning", detail, "free some space, or choose another disk with --output_dir")
    else:
        yield Check("disk", "ok", detail)


def _cache() -> Iterator[Check]:
    from upo_sdk.cache import default_cache_dir

    folder = default_cache_dir().absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        yield Check("cache", "broken", f"{folder} cannot be written: {error.strerror}", "set UPO_CACHE_DIR")
    else:
        yield Check("cache", "ok", f"{folder} can be written")


def _network() -> Iterator[Check]:
    from huggingface_hub import constants

    from upo_sdk.network import is_offline_by_choice, is_reachable

    if variable := is_offline_by_choice():
        yield Check("hub", "ok", f"offline by choice: {variable} is set; local and cached files are used")
        return
    if is_reachable(constants.ENDPOINT):
        yield Check("hub", "ok", f"{constants.ENDPOINT} can be reached")
    else:
        yield Check(
            "hub",
            "warning",
            f"{constants.ENDPOINT} cannot be reached: only local and cached models and data can be used",
            "go online or set HF_ENDPOINT; the demo needs no network",
        )


def _plugins(plugins: str | None, block_plugin: list[str] | None) -> Iterator[Check]:
    try:
        registry = load_plugins(plugins, block_plugin)
    except UPOError as error:
        yield Check("plugins", "broken", error.what, error.fix)
        return
    loaded = [plugin.name for plugin in registry.plugins if plugin.status == "loaded"]
    yield Check("plugins", "ok", f"loaded: {', '.join(loaded) or 'none'}")
    for problem in registry.errors:
        yield Check("plugins", "broken", problem.what, problem.fix)


def _demo() -> Iterator[Check]:
    from upo_sdk import demo

    wanted = (demo.demo_model_path(), demo.demo_data_path(), demo.demo_eval_path())
    missing = [path for path in wanted if not path.exists()]
    if missing:
        yield Check("demo", "broken", f"{missing[0]} is missing", "pip install --force-reinstall upo-sdk")
    else:
        yield Check("demo", "ok", "the built-in model and data are installed")


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
