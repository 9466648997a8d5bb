"""Every built-in objective passes every check, in every variant that its options name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import pytest

from upo_sdk.config import ObjectiveRef, PluginPolicy
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.build import check_options
from upo_sdk.plugin.registry import load_registry
from upo_sdk.plugin.specs import load_target
from upo_sdk.testing import check_objective

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTED: dict[str, dict[str, str]] = {
    "dpo,loss_type=discopop": {
        "first_step_favours_the_chosen": "its slope is positive at zero: −(log 2 − 1)/(4τ) − 3/4 > 0 at τ = 0.05"
    }
}

REGISTRY = load_registry(PluginPolicy(allow="none"))

BASES: dict[str, tuple[str, ...]] = {"length": ("target=20", "maximum=20"), "toxicity": ("model=builtin",)}
"""Options without which an objective cannot be made here; every other built-in needs none."""


def choices_of(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a ``Literal``, also of an optional one; none for any other type."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for argument in get_args(annotation) for value in choices_of(argument))


def variants(name: str) -> Iterator[str]:
    """Name the objective by itself and with every value of every option that offers a choice."""
    target = REGISTRY.get(name).spec.options
    fields = load_target(target).model_fields if target else {}
    chosen = [f"{option}={value}" for option, field in fields.items() for value in choices_of(field.annotation)]
    for base in BASES.get(name, ("",)):
        for options in ("", *chosen):
            text = ",".join(filter(None, (name, base, options)))
            if is_valid(text):
                yield text


def is_valid(text: str) -> bool:
    try:
        check_options(ObjectiveRef.model_validate(text), REGISTRY)
    except ObjectiveRefError:
        return False
    return True


VARIANTS = [*(text for name in REGISTRY.objectives for text in variants(name)), "column:score"]


@pytest.mark.parametrize("text", VARIANTS)
def test_a_built_in_passes_every_check(text: str) -> None:
    check_objective(text, expected_failures=EXPECTED.get(text))


def test_the_variants_are_those_that_the_options_offer() -> None:
    covered = {text.partition(",")[0] for text in VARIANTS}
    losses = {name for name, item in REGISTRY.objectives.items() if item.spec.kind == "preference"}
    assert losses | {"length", "lexical", "toxicity"} <= covered
    assert {"dpo,loss_type=ipo", "lexical,metric=rare_words", "length,target=20,unit=tokens"} <= set(VARIANTS)
