"""How to do it again: commands that can be copied."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.config.files import RESOLVED_CONFIG

if TYPE_CHECKING:
    from upo_sdk.report.collect import RunReport

__all__ = ["Reproduction", "reproduction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The commands.

    Attributes:
        command: What was typed; empty if the run was started from code.
        install: Installs the versions that decide the numbers.
        again: Runs the resolved configuration in a new folder.
    """

    command: str
    install: str
    again: str


def reproduction(run: RunReport) -> Reproduction:
    """Read the commands off the record."""
    software = run.run.software
    named = [name for name in ("upo-sdk", "torch", "transformers") if name in software]
    plugins = {
        f"{item.distribution}=={item.version}"
        for item in run.run.objectives
        if item.version and item.distribution != "upo-sdk"
    }
    pins = [f"{name}=={software[name].partition('+')[0]}" for name in named]
    folder = run.run.output_dir.absolute()
    return Reproduction(
        command=run.run.command,
        install=shlex.join(["pip", "install", *pins, *sorted(plugins)]),
        again=shlex.join(["upo", "train", "-c", str(folder / RESOLVED_CONFIG), "--output_dir", f"{folder.name}-again"]),
    )
