"""Names with a target: ``hf:``, ``trl:``, ``column:`` and URLs; and names that nobody registered yet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.names import label_of
from upo_sdk.plugin.registry import load_registry

TARGETS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./-]{0,20}", fullmatch=True)
HOSTS = st.sampled_from(["localhost", "scores.example.org", "127.0.0.1", "[::1]"])
PATHS = st.from_regex(r"(/[a-z0-9.@-]{0,8}){0,3}(\?a=[a-z:]{1,5})?", fullmatch=True)


REGISTRY = load_registry()


def ref(form: Any) -> ObjectiveRef:
    return ObjectiveRef.model_validate(form)


@pytest.mark.parametrize(
    ("text", "name", "target", "weight", "label"),
    [
        ("hf:org/reward-model-3.1:0.3", "hf", "org/reward-model-3.1", 0.3, "reward-model-3.1"),
        ("hf:./models/tone/", "hf", "./models/tone/", 1.0, "tone"),
        ("hf:C:/models/tone:2", "hf", "C:/models/tone", 2.0, "tone"),
        ("trl:my_pkg.rewards.polite:0.2", "trl", "my_pkg.rewards.polite", 0.2, "polite"),
        ("trl:my_pkg.rewards:polite", "trl", "my_pkg.rewards:polite", 1.0, "polite"),
        ("column:helpfulness:1e-1", "column", "helpfulness", 0.1, "helpfulness"),
        ("column:reward/safety:.5", "column", "reward/safety", 0.5, "reward/safety"),
        ("http://localhost:8080/score:0.3", "http", "http://localhost:8080/score", 0.3, "localhost"),
        ("http://localhost:8080", "http", "http://localhost:8080/", 1.0, "localhost"),
        ("http://localhost:8080:0.3", "http", "http://localhost:8080/", 0.3, "localhost"),
        ("http://localhost:0.3", "http", "http://localhost/", 0.3, "localhost"),
        ("http://[::1]:8080/:2", "http", "http://[::1]:8080/", 2.0, "::1"),
        ("https://a.example/v1/@me:0.3", "http", "https://a.example/v1/@me", 0.3, "a.example"),
        ("https://a.example/s?model=x:y:0.3", "http", "https://a.example/s?model=x:y", 0.3, "a.example"),
        ("http:https://a.example/s:0.3", "http", "https://a.example/s", 0.3, "a.example"),
        ("hf:0.3", "hf", "", 0.3, "hf"),
        ("hf", "hf", "", 1.0, "hf"),
        ("http.client:parse:0.3", "http.client:parse", "", 0.3, "http.client:parse"),
        ("trl.rewards:polite", "trl.rewards:polite", "", 1.0, "trl.rewards:polite"),
    ],
)
def test_name_target_and_weight_are_told_apart(text: str, name: str, target: str, weight: float, label: str) -> None:
    parsed = ref(text)
    assert (parsed.name, parsed.target, parsed.weight) == (name, target, weight)
    assert label_of(parsed, REGISTRY) == label


def test_options_and_a_label_may_follow() -> None:
    parsed = ref("hf:org/tone:0.3,label=POSITIVE,as=tone")
    assert (parsed.target, parsed.options, parsed.label) == ("org/tone", {"label": "POSITIVE"}, "tone")


@pytest.mark.parametrize(
    ("text", "name", "target", "weight"),
    [
        ("acme:TARGET:0.3", "acme", "TARGET", 0.3),
        ("acme-score:a/b.c", "acme-score", "a/b.c", 1.0),
        ("acme:information", "acme", "information", 1.0),
        ("acme:4bit:0.3", "acme", "4bit", 0.3),
        ("acme:https://host:8080:0.3", "acme", "https://host:8080/", 0.3),
        ("s3://bucket/key:2", "s3", "s3://bucket/key", 2.0),
        ("my_rewards:score:0.2", "my_rewards", "score", 0.2),
    ],
)
def test_any_name_may_have_a_target(text: str, name: str, target: str, weight: float) -> None:
    parsed = ref(text)
    assert (parsed.name, parsed.target, parsed.weight) == (name, target, weight)
    assert ref(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["hf:org/tone:-1", "hf:org/tone:nan", "column:help:1x", "http://a.example/:inf"])
def test_a_weight_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ObjectiveRefError, match="weight"):
        ref(text)


@given(st.sampled_from(["column", "hf", "trl", "acme"]), TARGETS, st.floats(0, 100))
def test_writing_and_reading_a_target_gives_the_same_reference(name: str, target: str, weight: float) -> None:
    written = ObjectiveRef(name=name, target=target, weight=float(f"{weight:g}"))
    assert ref(str(written)) == written


@given(HOSTS, st.sampled_from(["", ":8080"]), PATHS, st.floats(0, 100))
def test_writing_and_reading_a_url_gives_the_same_reference(host: str, port: str, path: str, weight: float) -> None:
    written = ObjectiveRef(name=f"http://{host}{port}{path}", weight=float(f"{weight:g}"))
    assert ref(str(written)) == written


@pytest.mark.parametrize(
    "form",
    [
        {"https://a.example/s?of=x,y": 0.3},
        {"name": "https://a.example/s?of=x,y", "weight": 0.3},
        {"name": "http", "target": "https://a.example/s?of=x,y", "weight": 0.3},
    ],
)
def test_yaml_takes_a_url_with_commas(form: dict[str, Any]) -> None:
    assert ref(form).target == "https://a.example/s?of=x,y"
    assert (ref(form).name, ref(form).weight) == ("http", 0.3)


def test_a_comma_in_the_text_form_of_a_url_is_helped() -> None:
    with pytest.raises(ObjectiveRefError, match="'y' is not an option") as caught:
        ref("https://a.example/s?of=x,y")
    assert "needs the YAML form" in (caught.value.fix or "")


def test_passwords_and_keys_in_a_url_are_never_written() -> None:
    written = str(ref("https://me:hunter2@a.example/s?api_key=hunter2&model=x:0.3"))
    assert written == "https://***@a.example/s?api_key=***&model=x:0.3"
