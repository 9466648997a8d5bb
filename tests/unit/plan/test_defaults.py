"""What the demo sets for an objective is what its spec says."""

from __future__ import annotations

from dataclasses import replace

from upo_sdk.config import ObjectiveRef
from upo_sdk.plan import with_demo_options
from upo_sdk.plugin.registry import load_registry


def test_options_of_the_spec_stand_in_for_those_that_are_not_given() -> None:
    registry = load_registry()
    found = registry.objectives["length"]
    spec = replace(found.spec, demo_options={"target": "9", "unit": "words"})
    registry = replace(registry, objectives={"length": replace(found, spec=spec)})
    notices = list[str]()
    ref = with_demo_options(ObjectiveRef(name="length", options={"unit": "tokens"}), registry, notices)
    assert ref.options == {"unit": "tokens", "target": "9"}
    assert "'length' uses target=9 in the demo" in notices[0]
    for text in ("length,target=3,unit=tokens", "sft", "unknown"):
        other = ObjectiveRef.model_validate(text)
        assert with_demo_options(other, registry, notices) is other
    assert len(notices) == 1
