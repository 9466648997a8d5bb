"""The typed protocols that every objective satisfies; nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.objectives.batch import Completion, PreferenceBatch, PreferenceLoss

__all__ = [
    "AuxiliaryObjective",
    "Checkable",
    "Fingerprinted",
    "FittedToData",
    "Measuring",
    "MeasuringHarm",
    "Needs",
    "Objective",
    "Parallel",
    "PreferenceObjective",
    "Remarking",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an objective wants prepared. The engine prepares exactly the union over all objectives of a run.

    Attributes:
        reference: Log-probs of the frozen reference model.
        pairs: Every prompt has a chosen and a rejected response.
        kl: The batch's KL estimate from mismatched prompts and responses (``PreferenceBatch.kl``).
        margin: ``PreferenceBatch.margin_B``, if the data has a column ``margin``.
        token_counts: ``Completion.token_count``, counted with the policy's tokenizer.
        messages: ``Completion.prompt_messages`` and ``response_messages``, where the data is conversational.
        columns: Further columns of the dataset, handed over in ``Completion.columns``.
        batch_statistic: Nothing to prepare, but a warning: an item's loss depends on the other items of its batch
            (beyond ``PreferenceBatch.kl``), so gradient accumulation and the number of ranks change the result.
        score_columns: Columns with one number per response, handed over in ``Completion.columns`` as the number of
            the completion at hand. For pairs such a column holds ``[chosen, rejected]``, or is two columns
            ``NAME_chosen`` and ``NAME_rejected``.
    """

    reference: bool = False
    pairs: bool = False
    kl: bool = False
    margin: bool = False
    token_counts: bool = False
    messages: bool = False
    columns: frozenset[str] = frozenset()
    batch_statistic: bool = False
    score_columns: frozenset[str] = frozenset()


@runtime_checkable
class Objective(Protocol):
    """What preference and auxiliary objectives share.

    An objective is built as ``cls(options)`` (``cls()`` if its spec names no options), set up once, used, closed once.
    It neither logs, prints, seeds, nor moves tensors.
    """

    @property
    def needs(self) -> Needs:
        """What has to be prepared for this objective."""
        ...

    def setup(self, device: str, /) -> None:
        """Load what is heavy. Called once before use; ``device`` is a torch device string such as ``"cuda:0"``."""
        ...

    def close(self) -> None:
        """Release what ``setup`` loaded. Called once after use."""
        ...


@runtime_checkable
class PreferenceObjective(Objective, Protocol):
    """A loss on log-probabilities and labels: DPO, KTO, IPO, ..."""

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return one loss per item (a pair, or an unpaired completion) and detached metrics."""
        ...


@runtime_checkable
class AuxiliaryObjective(Objective, Protocol):
    """A black-box text reward; it is evaluated once per completion of the dataset, offline."""

    def rewards(self, completions: Sequence[Completion], /) -> Sequence[float]:
        """Return one finite float per completion, higher is better.

        A reward depends on nothing but its own completion: not on its neighbours, their order or their number.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """An objective that can say before any work what ``setup`` will load, and from where."""

    def check(self) -> str:
        """Return what ``setup`` needs, in a few words: ``nothing to download``, ``cached: NAME``, ``downloads NAME``.

        It is called for the plan of a run, before ``setup``; nothing is loaded or downloaded. If something cannot be
        had, it raises the ``UPOError`` that ``setup`` would raise, such as an ``OfflineError``.
        """
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """An objective whose rewards depend on more than its code and options, such as on weights.

    The fingerprint enters the key of the score cache and the manifest of the run.
    """

    def fingerprint(self) -> Mapping[str, str]:
        """Return what identifies the scorer, such as ``{"weights_sha256": ...}``; called after ``setup``."""
        ...


@runtime_checkable
class Remarking(Protocol):
    """An objective with remarks after scoring, for example how many completions it does not apply to."""

    def remarks(self) -> Sequence[str]:
        """Return what the user should know of the completions scored since the last call, and forget it.

        Completions whose rewards came from the cache were not scored.
        """
        ...


@runtime_checkable
class Measuring(Protocol):
    """An objective that can also say what it finds in units that people know: a school grade, a probability, words.

    ``upo eval`` shows these means beside that of the reward. They are cached as rewards are.
    """

    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        """Return named numbers, one per completion and name; NaN where a measure does not apply.

        The names are always the same, whatever the completions are: called with none, it returns every name with an
        empty sequence. A number depends on nothing but its own completion. Called after ``setup`` (and ``fit``).
        """
        ...


@runtime_checkable
class MeasuringHarm(Measuring, Protocol):
    """An objective some of whose measures are probabilities of harm, so that lower is better.

    ``upo eval`` counts on them how often an answer is more harmful than the response that the data prefers.
    """

    @property
    def harms(self) -> Sequence[str]:
        """The names among the measures that are one kind of harm each; asked after ``setup``."""
        ...


@runtime_checkable
class FittedToData(Protocol):
    """An objective that reads the training completions once before it scores, such as for document frequencies.

    Such an objective is also :class:`Fingerprinted`, because its rewards depend on what it was fitted to.
    """

    def fit(self, completions: Sequence[Completion], /) -> None:
        """Read all training completions; called once, after ``setup`` and before the first ``rewards``."""
        ...


@runtime_checkable
class Parallel(Protocol):
    """An objective of which copies in other processes may score a part of the completions.

    A copy is built from the same target and options, and set up on the CPU; its rewards must be equal to the last bit.
    It helps for plain computation on the CPU, and not for a model on a device.
    """

    @property
    def parallel(self) -> bool:
        """Whether copies may be used; asked after ``setup``. False for an objective that was fitted to data."""
        ...
