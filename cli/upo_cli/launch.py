"""``upo train`` in several processes: the same command again, started by accelerate's own launcher."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.ranks import is_launched

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ENGINES", "launch", "should_launch"]

_CONFIGS = Path(__file__).parent / "accelerate"
ENGINES = ("ddp", "fsdp2", "zero2")
"""Configurations of accelerate that come with the command line."""


def should_launch(num_processes: int | None, accelerate_config: str | None) -> bool:
    """Return whether this process is the one that starts the others."""
    return (num_processes is not None or accelerate_config is not None) and not is_launched()


def launch(num_processes: int | None, accelerate_config: str | None, arguments: list[str]) -> int:
    """Run ``upo ARGUMENTS`` in several processes and return the exit code of the first that failed, else 0.

    Args:
        num_processes: How many; by default those of the file, or one per accelerator.
        accelerate_config: One of :data:`ENGINES`, or a file that ``accelerate config`` wrote; ``ddp`` by default.
        arguments: The command line, which every process reads again.

    Raises:
        ConfigError: There is no such configuration, or accelerate refuses it.
    """
    file = _file(accelerate_config or "ddp")
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    wanted = num_processes or (None if accelerate_config == str(file) else _accelerators())
    options = ["--config_file", str(file), *(["--num_processes", str(wanted)] if wanted else []), *_threads(wanted)]
    parser: Any = launch_command_parser()
    try:
        with _quiet_launcher():
            launch_command(parser.parse_args([*options, "--module", "upo_cli", *arguments]))
    except ChildFailedError as error:  # the process said why
        return max(1, error.get_first_failure()[1].exitcode)
    except SignalException as error:
        return 128 + int(error.sigval)
    except (ValueError, ImportError, ConnectionError) as error:
        raise ConfigError(
            f"accelerate cannot launch: {error}", where=str(file), fix="correct it, or write one: accelerate config"
        ) from error
    return 0


def _file(config: str) -> Path:
    if config == "zero3":
        raise ConfigError(
            "ZeRO-3 is not supported: it shards the weights, which the reference log-probs and the answers need whole",
            where="--accelerate_config zero3",
            fix="--accelerate_config fsdp2 shards weights too; zero2 shards gradients and optimizer state",
        )
    if config == "zero2" and find_spec("deepspeed") is None:
        raise ConfigError(
            "DeepSpeed is not installed",
            where="--accelerate_config zero2",
            fix="pip install deepspeed, or --accelerate_config fsdp2",
        )
    file = _CONFIGS / f"{config}.yaml" if config in ENGINES else Path(config)
    if not file.is_file():
        raise ConfigError(
            f"'{config}' is neither a configuration that comes with UPO nor a file",
            where="--accelerate_config",
            fix=f"{did_you_mean(config, list(ENGINES))}give one of {', '.join(ENGINES)}, or a file",
        )
    return file


def _accelerators() -> int:
    import torch

    return max(1, torch.accelerator.device_count())


def _threads(processes: int | None) -> list[str]:
    """Let processes on a CPU divide its cores; torch's launcher would give each of them one thread."""
    if processes is None or "OMP_NUM_THREADS" in os.environ or not hasattr(os, "sched_getaffinity"):
        return []
    return ["--num_cpu_threads_per_process", str(max(1, len(os.sched_getaffinity(0)) // processes))]


@contextmanager
def _quiet_launcher() -> Generator[None]:
    """Keep torch's launcher from logging what the processes have said themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(before)
