"""A process that scores: builds a copy of an objective, then answers one line of completions with one of rewards.

Lines are JSON, so that nothing is unpickled. What cannot be scored is answered with ``null``: the parent then scores it
itself and meets the error, with its traceback, in its own process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import Completion, Fingerprinted
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from upo_sdk.objectives import AuxiliaryObjective

__all__ = ["serve"]


def serve() -> None:
    """Read lines from stdin until it ends; the first one describes the objective."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process, in its own time
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an objective prints must not look like an answer
    objective: AuxiliaryObjective | None = None
    for line in sys.stdin:
        answer: object = None
        try:
            if objective is None:
                objective, answer = _build(**json.loads(line))
            else:
                answer = _score(objective, json.loads(line))
        except Exception:  # noqa: BLE001, S110 - see above
            pass
        answers.write(json.dumps(answer) + "\n")


def _build(target: str, options_type: str | None, options: Any) -> tuple[AuxiliaryObjective, dict[str, str]]:
    factory = load_target(target)
    objective = factory(load_target(options_type).model_validate(options)) if options_type else factory()
    objective.setup("cpu")
    return objective, dict(objective.fingerprint()) if isinstance(objective, Fingerprinted) else {}


def _score(objective: AuxiliaryObjective, batch: list[list[Any]]) -> list[float]:
    return [float(reward) for reward in objective.rewards([Completion(*fields) for fields in batch])]
