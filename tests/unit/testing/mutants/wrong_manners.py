"""Objectives that leave traces in the process they run in, or cannot be used twice."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
from good import Loss, Reward, polite

if TYPE_CHECKING:
    from upo_sdk.objectives import Completion, PreferenceBatch, PreferenceLoss

__all__ = [
    "CallsHome",
    "ClosesOnce",
    "ConfiguresLogging",
    "DrawsFromNumpy",
    "DrawsFromTorch",
    "ForgetsAfterClosing",
    "HoldsALock",
    "LosesItsScale",
    "PrintsScores",
    "SeedsEverything",
    "ShowsProgress",
    "SilencesLogging",
]


class HoldsALock(Reward):
    """A good one that cannot be pickled and says so."""

    def __reduce__(self) -> Any:
        raise TypeError("a connection pool cannot be pickled")


class ForgetsAfterClosing(Reward):
    """``close()`` drops what only the constructor makes."""

    caught_by = "setup_and_close_repeat"

    def __init__(self) -> None:
        self.scale: float | None = 0.5

    def close(self) -> None:
        self.scale = None

    def score(self, completion: Completion) -> float:
        assert self.scale is not None
        return self.scale * polite(completion.response)


class ClosesOnce(Reward):
    """The second ``close()`` raises."""

    caught_by = "setup_and_close_repeat"

    def setup(self, device: str, /) -> None:
        self.model = device

    def close(self) -> None:
        del self.model


class LosesItsScale(Reward):
    """A pickled copy has lost its state and scores otherwise."""

    caught_by = "pickles_or_refuses"
    scale = 1.0

    def setup(self, device: str, /) -> None:
        self.scale = 0.5

    def __reduce__(self) -> Any:
        return LosesItsScale, ()

    def score(self, completion: Completion) -> float:
        return self.scale * polite(completion.response)


class PrintsScores(Reward):
    """It prints."""

    caught_by = "prints_nothing"

    def score(self, completion: Completion) -> float:
        print(completion.response)
        return polite(completion.response)


class ShowsProgress(Reward):
    """It draws a progress bar on standard error."""

    caught_by = "prints_nothing"

    def setup(self, device: str, /) -> None:
        sys.stderr.write(f"loading on {device} [####    ]\r")


class ConfiguresLogging(Reward):
    """It sets up the root logger."""

    caught_by = "sets_up_no_logging"

    def setup(self, device: str, /) -> None:
        logging.getLogger().addHandler(logging.NullHandler())


class SilencesLogging(Loss):
    """It switches logging off for everyone."""

    caught_by = "sets_up_no_logging"

    def setup(self, device: str, /) -> None:
        logging.disable(logging.WARNING)


class SeedsEverything(Reward):
    """It seeds the global generator."""

    caught_by = "leaves_random_state_alone"

    def setup(self, device: str, /) -> None:
        random.seed(0)


class DrawsFromNumpy(Reward):
    """It shuffles with numpy's global generator."""

    caught_by = "leaves_random_state_alone"

    def score(self, completion: Completion) -> float:
        words = completion.response.split()
        np.random.shuffle(words)  # noqa: NPY002 - the mistake
        return polite(" ".join(words))


class DrawsFromTorch(Loss):
    """It draws noise too small to see, and so changes what is sampled after it."""

    caught_by = "leaves_random_state_alone"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        import torch

        torch.rand(1)
        return super().loss(batch)


class CallsHome(Reward):
    """It reports to a server and swallows the error when it cannot."""

    caught_by = "opens_no_connection"

    def score(self, completion: Completion) -> float:
        with contextlib.suppress(Exception):
            urllib.request.urlopen("http://192.0.2.1/usage", timeout=0.1).close()
        return polite(completion.response)
