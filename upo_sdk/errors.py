"""Every error that a user of the SDK can meet.

The tree::

    UPOError                    what went wrong, where, and what to type next
    ├── ConfigError             a configuration value, key or file
    │   └── ObjectiveRefError   the text form of an objective, its weight or its options
    ├── PluginError             loading, trusting or building plugins
    │   ├── UnknownObjectiveError
    │   ├── DuplicateNameError  two distributions claim one name
    │   └── ObjectiveFailedError  an objective raised, or returned something it may not
    │       └── PartlyScoredError  it had scored some completions of a batch, which are kept
    ├── DataError               a dataset, its columns or its rows
    ├── ModelError              a model, tokenizer or classifier that cannot be loaded
    │   └── OfflineError        it would have to be downloaded and the network is out of reach
    ├── OutputError             the run folder
    ├── HubError                the Hugging Face hub: no token, no permission, or no such name
    ├── JudgeError              a judge that refuses every question, or did not answer one
    ├── TrainingError           a run that started and could not continue
    └── CancelledError          the caller asked to stop before there was anything to save

Every class has a stable ``code`` and the ``exit_code`` with which the command line ends. An exception that is not a
:class:`UPOError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from upo_sdk.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CancelledError",
    "ConfigError",
    "DataError",
    "DuplicateNameError",
    "HubError",
    "JudgeError",
    "ModelError",
    "ObjectiveFailedError",
    "ObjectiveRefError",
    "OfflineError",
    "OutputError",
    "PartlyScoredError",
    "PluginError",
    "TrainingError",
    "UPOError",
    "UnknownObjectiveError",
    "did_you_mean",
]


class UPOError(Exception):
    """Base of every error that has a cause the user can fix; passwords and keys in URLs are hidden.

    The texts name a setting by its key, in backticks: `loss.lambda`, `training.max_steps=100`.

    Args:
        what: One sentence: what is wrong.
        where: The file, row, column, option or distribution it was found in.
        fix: What to type, change or run next.
    """

    code: ClassVar[str] = "upo"
    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        self.what = redact(what)
        self.where = redact(where) if where else where
        self.fix = redact(fix) if fix else fix
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class ConfigError(UPOError):
    """A configuration value, key or file is wrong."""

    code = "config"


class ObjectiveRefError(ConfigError):
    """The text form of an objective, its weight or one of its options is wrong."""

    code = "objective-ref"


class PluginError(UPOError):
    """A plugin could not be found, was not allowed, or could not be loaded."""

    code = "plugin"


class UnknownObjectiveError(PluginError):
    """No registered objective has this name."""

    code = "unknown-objective"


class DuplicateNameError(PluginError):
    """Two distributions claim one name; neither is preferred."""

    code = "duplicate-name"


class ObjectiveFailedError(PluginError):
    """An objective raised, or returned something that the protocol does not allow."""

    code = "objective-failed"


class PartlyScoredError(ObjectiveFailedError):
    """An objective failed after it had scored some completions of a batch; those rewards are kept.

    Raise it from ``rewards()`` where scoring is expensive, such as by a service.

    Args:
        rewards: The rewards that are known, by the position of their completion in the batch.
    """

    code = "partly-scored"

    def __init__(
        self, what: str, *, rewards: Mapping[int, float], where: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.rewards = dict(rewards)


class DataError(UPOError):
    """A dataset, its columns or its rows are wrong."""

    code = "data"


class ModelError(UPOError):
    """A model, tokenizer or classifier cannot be loaded."""

    code = "model"


class OfflineError(ModelError):
    """Something would have to be downloaded and the network is out of reach."""

    code = "offline"


class OutputError(UPOError):
    """The run folder cannot be used."""

    code = "output"


class HubError(UPOError):
    """The Hugging Face hub knows no such account, gives no permission, or did not take what was pushed."""

    code = "hub"


class JudgeError(UPOError):
    """A judge refuses every question, or did not answer a single one; verdicts that came before are kept."""

    code = "judge"


class TrainingError(UPOError):
    """A run that had started could not continue."""

    code = "training"
    exit_code = 1


class CancelledError(UPOError):
    """The caller asked to stop before training had begun; what was scored is kept in the cache."""

    code = "cancelled"
    exit_code = 130


def did_you_mean(name: str, known: list[str]) -> str:
    """Return ``"did you mean 'x'? "`` for the closest known name, or an empty string."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'? " if close else ""
