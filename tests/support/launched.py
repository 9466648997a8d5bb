"""Runs commands one after the other in every rank of a launch: ``torch.distributed.run ... launched.py COMMANDS``.

With ``RANKS_FOLDER``, every rank has its own cache in there, and writes how many values it computed itself. With
``FAILING_RANK``, the scorers of that rank fail.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_cli.main import main
from upo_sdk.cache import ContentCache
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from upo_sdk.cache import Filled
    from upo_sdk.ranks import Ranks

    Compute = Callable[[Sequence[int], Ranks], Iterable[Mapping[int, bytes | None]]]


def run(command: Sequence[str]) -> None:
    try:
        main(command)
    except SystemExit as ended:
        if ended.code:
            raise


def count_work(work: Counter[str]) -> None:
    """Count what every ``ContentCache`` of this process computes, by what it is."""
    fill = ContentCache.fill

    def counted(self: ContentCache, keys: Any, compute: Compute, *args: Any, kind: str = "") -> Filled:
        def computed(missing: Sequence[int], ranks: Ranks) -> Iterator[Mapping[int, bytes | None]]:
            for part in compute(missing, ranks):
                work[kind] += len(part)
                yield part

        return fill(self, keys, computed, *args, kind=kind)

    ContentCache.fill = counted  # type: ignore[method-assign]


def fail(*_: object) -> None:
    what = "this scorer is broken"
    raise ObjectiveFailedError(what)


if os.environ.get("FAILING_RANK") == os.environ["RANK"]:
    Guard.rewards = fail  # type: ignore[assignment,method-assign]
work = Counter[str]()
folder = Path(os.environ["RANKS_FOLDER"]) / os.environ["RANK"] if "RANKS_FOLDER" in os.environ else None
if folder:
    os.environ["UPO_CACHE_DIR"] = str(folder)
    count_work(work)
for command in json.loads(sys.argv[1]):
    run(command)
if folder:
    (folder / "work.json").write_text(json.dumps(work))
