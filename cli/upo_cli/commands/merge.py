"""``upo merge``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated, Literal

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import print_json, say
from upo_cli.shared import SPELLINGS, Json

__all__ = ["app"]

app = typer.Typer()


@app.command("merge", cls=StrictCommand, context_settings=SPELLINGS)
def merge(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run with an adapter, a checkpoint of it, or any adapter.")
    ],
    *,
    output_dir: Annotated[
        Path | None, typer.Option("--output_dir", help="Where to write the model. Default: RUN-merged.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16", "auto"],
        typer.Option("--dtype", help="Data type of the merged weights; auto: that of the model's files."),
    ] = "float32",
    json: Json = False,
) -> None:
    """Add an adapter to the weights of its model: the result is a plain model.

    The log-probs of some texts are compared before and after, and the difference is shown.
    """
    from upo_sdk.config import ModelConfig
    from upo_sdk.publish.merge import merge_adapter_to

    target = output_dir or run.with_name(f"{run.resolve().name}-merged")
    merged = merge_adapter_to(target, ModelConfig(path=str(run), dtype=dtype))
    if json:
        print_json({**asdict(merged), "folder": str(merged.folder)})
        return
    say(f"model: {merged.folder} ({merged.base} with the adapter in {run})")
    say(
        f"log-probs of {merged.tokens:,} tokens are those with the adapter apart, within {merged.largest:.1e} nats "
        f"({merged.mean:.1e} on average)"
    )
