"""The process belongs to the program that runs the objective.

Listing objectives imports the modules of hooks and options, so they have to be quick. Global random state belongs to
the run: drawing from it changes what is sampled next. Texts of a company stay on the machine unless somebody asked.
"""

from __future__ import annotations

import io
import logging
import random
import socket
import sys
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.other_process import modules_after_importing
from upo_sdk.testing.rewards import evaluate

if TYPE_CHECKING:
    from collections.abc import Generator

    from upo_sdk.testing.subject import Subject

__all__ = [
    "hook_module_is_light",
    "leaves_random_state_alone",
    "opens_no_connection",
    "prints_nothing",
    "sets_up_no_logging",
]

_HEAVY = {
    *("accelerate", "datasets", "detoxify", "jax", "matplotlib", "nltk", "openai", "pandas", "pyarrow", "requests"),
    *("scipy", "sklearn", "spacy", "tensorflow", "textstat", "torch", "torchvision", "transformers"),
}


def _light_modules(subject: Subject) -> list[str]:
    options = subject.spec.options if subject.spec else None
    return [module for module in (subject.hook_module, options and options.partition(":")[0]) if module]


def _no_modules(subject: Subject) -> str | None:
    return (
        None
        if _light_modules(subject)
        else "it has no hook module and no module of options, or they are not known here"
    )


@check(unless=_no_modules)
def hook_module_is_light(subject: Subject) -> None:
    """The modules of the hook and of the options import nothing heavy."""
    modules = _light_modules(subject)
    heavy = sorted(modules_after_importing(modules) & _HEAVY)
    if heavy:
        raise CheckFailedError(
            expected=f"that {' and '.join(modules)} import nothing heavy",
            got=f"they import {', '.join(heavy)}",
            fix="import it inside setup(), or in the module of the objective itself",
        )


@check()
def prints_nothing(subject: Subject) -> None:
    """It writes nothing to standard output or standard error."""
    written = io.StringIO()
    with redirect_stdout(written), redirect_stderr(written), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning is not a print, and has filters of its own
        with subject.in_use() as objective:
            evaluate(objective, subject)
    if written.getvalue():
        raise CheckFailedError(
            expected="silence",
            got=f"it wrote {written.getvalue()[:200]!r}",
            fix="take out print() and progress bars; return metrics, or use the warnings module",
        )


@check()
def sets_up_no_logging(subject: Subject) -> None:
    """It leaves the root logger as it is: its handlers, its level and what is disabled."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    try:
        _set_logging(root, [], logging.WARNING, logging.NOTSET)  # what a fresh process has
        with subject.in_use() as objective:
            evaluate(objective, subject)
        changed = (root.handlers, root.level, root.manager.disable) != ([], logging.WARNING, logging.NOTSET)
    finally:
        _set_logging(root, handlers, level, disabled)
    if changed:
        raise CheckFailedError(
            expected="that the root logger stays as it is",
            got="its handlers or its level were changed, or logging was disabled",
            fix="take out logging.basicConfig(), logging.disable() and set-up of the root logger",
        )


def _set_logging(root: logging.Logger, handlers: list[logging.Handler], level: int, disabled: int) -> None:
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)


_SEED = 770_077


@check()
def leaves_random_state_alone(subject: Subject) -> None:
    """It neither seeds nor draws from the global generators of random, numpy and torch."""
    with subject.in_use() as warm_up:  # imports may draw; that is not the objective's doing
        evaluate(warm_up, subject)
    before = _random_states()
    try:
        _seed_all(before)
        seeded = _random_states()
        with subject.in_use() as objective:
            evaluate(objective, subject)
        after = _random_states()
    finally:
        _restore_random_states(before)
    changed = [name for name, state in seeded.items() if repr(after[name]) != repr(state)]
    if changed:
        raise CheckFailedError(
            expected="that the global random states stay as they are",
            got=f"that of {', '.join(changed)} was seeded or drawn from",
            fix="use a generator of your own: random.Random(0), numpy.random.default_rng(0), torch.Generator()",
        )


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {
        "random": random.getstate(),
        "numpy": _plain_numpy_state(np.random.get_state(legacy=False)),  # noqa: NPY002 - the global state is what is watched
    }
    torch = sys.modules.get("torch")
    return states if torch is None else {**states, "torch": torch.get_rng_state().tolist()}


def _seed_all(states: dict[str, Any]) -> None:
    """Seed with a number that nobody else seeds with, so that seeding again shows."""
    random.seed(_SEED)
    np.random.seed(_SEED)  # noqa: NPY002
    if "torch" in states:
        import torch

        torch.manual_seed(_SEED)


def _plain_numpy_state(state: Any) -> dict[str, Any]:
    inner = state["state"]
    return {**state, "state": {**inner, "key": inner["key"].tolist()}}


def _restore_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["random"])
    numpy_state = states["numpy"]
    key = np.array(numpy_state["state"]["key"], dtype=np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})  # noqa: NPY002
    if "torch" in states:
        import torch

        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))


@check()
def opens_no_connection(subject: Subject) -> None:
    """Making and using it opens no network connection; setup() may, to load a model."""
    attempts: list[str] = []
    with _connections_refused(attempts):
        objective = subject.build()
    objective.setup("cpu")
    try:
        with _connections_refused(attempts):
            subject.fit(objective)
            evaluate(objective, subject)
    finally:
        objective.close()
        if attempts:
            raise CheckFailedError(
                expected="no network connection while it is made or used",
                got=f"a connection to {attempts[0]}",
                fix="load what is needed in setup(); if calling a service is the point, expect this failure by name",
            )


@contextmanager
def _connections_refused(attempts: list[str]) -> Generator[None]:
    """Refuse names and connections of the internet, and note them; sockets of this machine's kernel stay."""

    def refuse(address: object) -> None:
        attempts.append(str(address))
        raise OSError("the check opens_no_connection refuses connections")

    def connect(own: socket.socket, address: Any) -> None:
        if own.family == getattr(socket, "AF_UNIX", None):
            return original(own, address)
        return refuse(address)

    def getaddrinfo(host: object, port: object, *_: object, **__: object) -> None:
        refuse(f"{host}:{port}")

    original = socket.socket.connect
    with (
        patch.object(socket.socket, "connect", connect),
        patch.object(socket.socket, "connect_ex", connect),
        patch.object(socket, "getaddrinfo", getaddrinfo),
    ):
        yield
