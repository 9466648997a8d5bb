"""Score, or import, in another process: this file as a script reads JSON and writes JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.objectives import Completion

__all__ = ["modules_after_importing", "scores_elsewhere"]


def scores_elsewhere(recipe: Mapping[str, Any], completions: Sequence[Completion], hash_seed: int) -> list[float]:
    """Return the scores that a fresh objective gives in a process whose hashes are seeded so.

    Raises:
        RuntimeError: It raised there.
    """
    request = {"recipe": dict(recipe), "completions": [asdict(item) for item in completions]}
    scores: list[float] = _ask(request, PYTHONHASHSEED=str(hash_seed))
    return scores


def modules_after_importing(modules: Sequence[str]) -> frozenset[str]:
    """Return the names of all modules that a process holds once it has imported these.

    Raises:
        RuntimeError: One cannot be imported.
    """
    return _modules_after_importing(tuple(modules), tuple(sys.path))


@cache  # the objectives of a plugin share its modules, and each is checked
def _modules_after_importing(modules: tuple[str, ...], path: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_ask({"import": modules, "path": path}))


def _ask(request: dict[str, Any], **environment: str) -> Any:
    done = subprocess.run(  # noqa: S603 - this module, by this interpreter
        [sys.executable, "-P", __file__],  # by its path, so that the package it is in is not imported
        input=json.dumps({"path": sys.path, **request}),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        msg = f"in another process: {(done.stderr.strip().splitlines() or ['it ended without a word'])[-1]}"
        raise RuntimeError(msg)
    return json.loads(done.stdout)


def _answer(request: Mapping[str, Any]) -> Any:
    sys.path[:] = request["path"]
    if "import" in request:
        for module in request["import"]:
            import_module(module)
        return sorted(sys.modules)
    from upo_sdk.objectives import Completion
    from upo_sdk.testing.factory import rebuild

    completions = [Completion(**item) for item in request["completions"]]
    with rebuild(request["recipe"]).in_use(completions) as objective:
        return [float(score) for score in objective.rewards(completions)]


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        answer = _answer(json.loads(sys.stdin.read()))
    json.dump(answer, sys.stdout)
