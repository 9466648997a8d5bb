"""``upo push``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import print_json, say
from upo_cli.shared import SPELLINGS, Json

__all__ = ["app"]

app = typer.Typer()


@app.command("push", cls=StrictCommand, context_settings=SPELLINGS)
def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    *,
    hub_model_id: Annotated[
        str | None,
        typer.Option("--hub_model_id", metavar="OWNER/NAME", help="The repository. Default: the folder's name."),
    ] = None,
    hub_private_repo: Annotated[
        bool, typer.Option("--hub_private_repo", help="Make the repository private if it is created.")
    ] = False,
    hub_samples: Annotated[
        bool,
        typer.Option("--hub_samples", help="Also push files that show texts of your data: the report and the samples."),
    ] = False,
    json: Json = False,
) -> None:
    """Push a finished run to the Hugging Face hub.

    Model, tokenizer, card and records go in one commit. The access token comes from HF_TOKEN or `hf auth login`.
    """
    from upo_sdk.publish.hub import create_repository, repository_name
    from upo_sdk.publish.push import push_run, require_finished

    require_finished(run)
    name = repository_name(hub_model_id or run.resolve().name)
    create_repository(name, private=hub_private_repo)
    address = push_run(run, name, samples=hub_samples)
    print_json({"hub_url": address}) if json else say(f"pushed: {address}")
