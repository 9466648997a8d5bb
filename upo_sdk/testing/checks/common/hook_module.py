"""Listing objectives imports the modules of hooks and options, so they have to be quick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.other_process import modules_after_importing

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["hook_module_is_light"]

_HEAVY = {
    *("accelerate", "datasets", "detoxify", "jax", "matplotlib", "nltk", "openai", "pandas", "pyarrow", "requests"),
    *("scipy", "sklearn", "spacy", "tensorflow", "textstat", "torch", "torchvision", "transformers"),
}


def _modules(subject: Subject) -> list[str]:
    options = subject.spec.options if subject.spec else None
    return [module for module in (subject.hook_module, options and options.partition(":")[0]) if module]


def _unknown(subject: Subject) -> str | None:
    return None if _modules(subject) else "it has no hook module and no module of options, or they are not known here"


@check(unless=_unknown)
def hook_module_is_light(subject: Subject) -> None:
    """The modules of the hook and of the options import nothing heavy."""
    modules = _modules(subject)
    heavy = sorted(modules_after_importing(modules) & _HEAVY)
    if heavy:
        raise CheckFailedError(
            expected=f"that {' and '.join(modules)} import nothing heavy",
            got=f"they import {', '.join(heavy)}",
            fix="import it inside setup(), or in the module of the objective itself",
        )
