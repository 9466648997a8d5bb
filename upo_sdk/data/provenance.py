"""What the source of a dataset and its columns are called, so that an error can name the place of a bad row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from upo_sdk.data.problems import Problems

if TYPE_CHECKING:
    from datasets import Dataset

    from upo_sdk.data.shapes import Shape

__all__ = ["Provenance", "problems_of", "with_provenance"]


class Provenance(NamedTuple):
    """Names for messages.

    Attributes:
        source: A file, a folder or a hub name.
        prompt: The columns of the prompt, as the source calls them; those of the responses, if it stands in them.
        responses: Those of the responses.
        messages: Both.
    """

    source: str
    prompt: str
    responses: str
    messages: str

    @classmethod
    def of_shape(cls, shape: Shape, source: str) -> Provenance:
        """Return the names of a source whose rows have this shape."""
        prompt, responses = " + ".join(shape.prompt or shape.responses), " + ".join(shape.responses)
        both = dict.fromkeys((*shape.prompt, *shape.responses))
        return cls(source, prompt, responses, " + ".join(both))


def with_provenance(dataset: Dataset, names: Provenance) -> Dataset:
    """Return a dataset that knows these names, and so do all parts and all that is made of it."""
    named = dataset.select(range(len(dataset)))
    named.info.description = json.dumps(names._asdict())
    return named


def problems_of(dataset: Dataset, *, drop: bool = False) -> Problems:
    """Return a collection of bad rows that calls source and columns as the user does.

    Args:
        dataset: A part of :class:`PreferenceData`, or what was made of it.
        drop: Bad rows are left out, unless no good one is there.
    """
    if not dataset.info.description:
        return Problems("data", drop=drop)
    names = Provenance(**json.loads(dataset.info.description))
    return Problems(names.source, drop=drop, names=names._asdict())
