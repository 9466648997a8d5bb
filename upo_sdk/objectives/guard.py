"""Every call of an auxiliary objective's code: what goes wrong in it is an error that names its owner."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from upo_sdk.errors import ObjectiveFailedError, UPOError
from upo_sdk.guarded_call import TimeLimitError, call_with_time_limit, prints_caught
from upo_sdk.objectives.protocol import Fingerprinted, FittedToData, Measuring, MeasuringHarm

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from upo_sdk.objectives.batch import Completion
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["Guard"]

T = TypeVar("T")

_KEPT = "what was scored before is kept; fix the objective or leave it out, then run the same command again"
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Guard:
    """Calls objectives on behalf of a run.

    Attributes:
        seconds: Time limit of one call of ``rewards``, or None.
        report: Receives, once per objective, what it printed.
    """

    seconds: float | None = None
    report: Callable[[str], None] = lambda _text: None
    _printed: set[str] = field(default_factory=set[str], repr=False)

    @contextmanager
    def set_up(self, live: LiveObjective, device: str) -> Generator[None]:
        """Set an objective up, and close it in the end, whatever happens.

        Raises:
            ObjectiveFailedError: It raised.
        """
        with ExitStack() as stack:
            self._call(live, "while it was set up", lambda: live.objective.setup(device))
            stack.callback(self._call, live, "while it was closed", live.objective.close)
            yield

    def fit(self, live: LiveObjective, completions: Sequence[Completion]) -> None:
        """Let the objective read the training completions, if it asks for them.

        Raises:
            ObjectiveFailedError: It raised.
        """
        objective = live.objective
        if isinstance(objective, FittedToData):
            self._call(live, "while it was fitted to the data", lambda: objective.fit(completions))

    def fingerprint(self, live: LiveObjective) -> dict[str, str]:
        """Return what identifies the scorer besides its code and options.

        Raises:
            ObjectiveFailedError: It raised, or returned no mapping.
        """
        objective = live.objective
        if not isinstance(objective, Fingerprinted):
            return {}
        return self._call(live, "when asked for its fingerprint", lambda: dict(objective.fingerprint()))

    def rewards(self, live: LiveObjective, completions: Sequence[Completion]) -> list[float]:
        """Return one finite float per completion.

        Raises:
            ObjectiveFailedError: It raised, exited, took too long, or returned something else.
        """
        returned = self._call(
            live,
            f"while it scored {len(completions)} completions",
            lambda: live.auxiliary.rewards(completions),
            seconds=self.seconds,
        )
        return self.checked(live, completions, returned)

    def checked(self, live: LiveObjective, completions: Sequence[Completion], returned: object) -> list[float]:
        """Return what an objective returned as one finite float per completion.

        Raises:
            ObjectiveFailedError: It is something else.
        """
        rewards = _numbers(live, returned)
        if len(rewards) != len(completions):
            raise _failed(live, f"returned {len(rewards)} rewards for {len(completions)} completions")
        for reward, completion in zip(rewards, completions, strict=True):
            if not math.isfinite(reward):
                raise _failed(live, f"returned {reward} for the response {completion.response[:60]!r}")
        return rewards

    def measures(self, live: LiveObjective, completions: Sequence[Completion]) -> dict[str, list[float]]:
        """Return one float per completion of every measure; nothing if the objective measures nothing.

        Raises:
            ObjectiveFailedError: It raised, exited, took too long, or returned something else.
        """
        objective = live.objective
        if not isinstance(objective, Measuring):
            return {}
        returned = self._call(
            live,
            f"while it measured {len(completions)} completions",
            lambda: dict(objective.measures(completions)),
            seconds=self.seconds,
        )
        measures = {str(name): _numbers(live, values) for name, values in returned.items()}
        for name, values in measures.items():
            if len(values) != len(completions):
                raise _failed(live, f"returned {len(values)} numbers of '{name}' for {len(completions)} completions")
            if any(math.isinf(value) for value in values):
                raise _failed(live, f"returned an infinite '{name}'")
        return measures

    def harms(self, live: LiveObjective) -> list[str]:
        """Return the names of the measures that are kinds of harm.

        Raises:
            ObjectiveFailedError: It raised.
        """
        objective = live.objective
        if not isinstance(objective, MeasuringHarm):
            return []
        return self._call(live, "when asked for its harms", lambda: list(objective.harms))

    def report_print(self, live: LiveObjective, text: str) -> None:
        """Report the first print of an objective."""
        if live.label not in self._printed:
            self._printed.add(live.label)
            self.report(
                f"the objective '{live.label}' of {live.origin} prints, which is kept off stdout: {_short(text)}"
            )

    def _call(self, live: LiveObjective, when: str, function: Callable[[], T], *, seconds: float | None = None) -> T:
        def quietly() -> T:
            with prints_caught(lambda text: self.report_print(live, text)):
                return function()

        try:
            return call_with_time_limit(seconds, quietly)
        except UPOError:
            raise
        except TimeLimitError:
            raise _failed(
                live,
                f"was not done after {seconds:g} seconds {when}",
                fix=f"`plugins.timeout={2 * (seconds or 0):g}` gives it more time; what was scored before is kept",
            ) from None
        except SystemExit as error:
            raise _failed(live, f"called sys.exit({error.code!r}) {when}") from error
        except Exception as error:
            raise _failed(live, f"raised {type(error).__name__} {when}: {error}") from error


def _failed(live: LiveObjective, what: str, fix: str = _KEPT) -> ObjectiveFailedError:
    """Return the error that names an objective and the distribution it comes from."""
    return ObjectiveFailedError(f"the objective '{live.label}' {what}", where=live.place, fix=fix)


def _numbers(live: LiveObjective, returned: object) -> list[float]:
    """Return the rewards as floats; texts are refused although ``float`` would read some of them."""
    try:
        rewards = list(returned)  # type: ignore[call-overload]
        if isinstance(returned, str | bytes) or any(isinstance(reward, str | bytes) for reward in rewards):
            raise _failed(live, f"returned something that is not a list of numbers: {_short(returned)}")
        return [float(reward) for reward in rewards]
    except (TypeError, ValueError) as error:
        raise _failed(live, f"returned something that is not a list of numbers: {_short(returned)}") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
