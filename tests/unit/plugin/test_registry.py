"""Discovery and trust: who may load is decided from metadata, and every failure has an owner."""

from __future__ import annotations

import sys
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from upo_sdk.config import PluginPolicy, RunConfig
from upo_sdk.errors import DuplicateNameError, PluginError, UnknownObjectiveError
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import Registry, load_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUILTINS = ["column", "cpo", "dpo", "hf", "http", "kto", "length", "lexical", "orpo", "sft", "simpo", "toxicity", "trl"]

GOOD = """
    from upo_sdk.plugin import ObjectiveSpec, hookimpl

    @hookimpl
    def upo_register_objectives():
        return [ObjectiveSpec(name="NAME", kind="auxiliary", target="nowhere:Nothing")]
"""

Install = "Callable[..., None]"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs a distribution with one plugin module into a folder of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution: str, name: str, code: str, version: str = "1.0") -> None:
        module = f"plugin_{distribution.replace('-', '_')}"
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[upo]\n{name} = {module}\n")
        (tmp_path / f"{module}.py").write_text(dedent(code))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def load(allow: object = "auto", **policy: object) -> Registry:
    return load_registry(PluginPolicy.model_validate({"allow": allow, **policy}))


def status(registry: Registry, distribution: str) -> str:
    return next(plugin.status for plugin in registry.plugins if plugin.distribution == distribution)


def test_the_built_ins_load_by_themselves_from_the_same_entry_point_group() -> None:
    registry = load_registry().check()
    assert sorted(registry.objectives) == BUILTINS
    assert {plugin.distribution for plugin in registry.plugins} == {"upo-sdk"}


def test_an_installed_plugin_loads_if_it_is_allowed(install: Callable[..., None]) -> None:
    install("good", "good", GOOD.replace("NAME", "good"))
    assert load("auto").check().get("good").plugin.origin == "good 1.0"
    assert load(["good"]).check().get("good")


@pytest.mark.parametrize("policy", [{"allow": "none"}, {"allow": ["other"]}, {"allow": "auto", "block": ["Good"]}])
def test_a_plugin_that_is_not_allowed_is_not_imported(install: Callable[..., None], policy: dict[str, object]) -> None:
    install("good", "good", "raise SystemExit('it ran')")
    registry = load(**policy).check()
    assert status(registry, "good") == "blocked"
    assert sorted(registry.objectives) == BUILTINS


def test_a_required_plugin_that_is_missing_is_an_error() -> None:
    with pytest.raises(PluginError, match="'company-rules' is not installed"):
        load(require=["company-rules"]).check()


def test_a_required_plugin_that_may_not_load_is_an_error(install: Callable[..., None]) -> None:
    install("good", "good", GOOD.replace("NAME", "good"))
    assert load(["good"], require=["good"]).check()
    with pytest.raises(PluginError, match="'good' may not load: third-party plugins are not allowed"):
        load("none", require=["good"]).check()


def test_a_name_claimed_twice_is_refused_without_running_either_claim(install: Callable[..., None]) -> None:
    install("usurper", "toxicity", "raise SystemExit('it ran')")
    registry = load("auto")
    assert "toxicity" not in registry.objectives
    with pytest.raises(DuplicateNameError, match=r"usurper 1.0 claims the plugin name 'toxicity'") as caught:
        registry.get("toxicity")
    assert registry.check().get("dpo")
    assert "`plugins.block=usurper`" in (caught.value.fix or "")
    assert "toxicity" in load("auto", block=["usurper"]).check().objectives


def test_an_objective_name_claimed_behind_another_entry_point_is_refused_too(install: Callable[..., None]) -> None:
    install("sly", "sly", GOOD.replace("NAME", "toxicity"))
    registry = load("auto")
    assert registry.objectives["toxicity"].plugin.builtin
    with pytest.raises(DuplicateNameError, match=r"registered by upo-sdk .* and by sly"):
        registry.get("toxicity")
    assert registry.check().get("dpo")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import does_not_exist", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("from upo_sdk.plugin import hookimpl\n@hookimpl\ndef upo_unknown(): ...", "unknown hook"),
        ("from upo_sdk.plugin import hookimpl\n@hookimpl\ndef upo_register_objectives(): return [1]", "ObjectiveSpec"),
        (GOOD.replace("NAME", "Bad Name"), "not a name"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_still_load(
    install: Callable[..., None], code: str, complaint: str
) -> None:
    install("broken", "broken", code)
    registry = load("auto")
    assert status(registry, "broken") == "failed"
    assert sorted(registry.objectives) == BUILTINS
    (warning,) = registry.check().warnings
    assert "broken 1.0" in warning
    assert complaint in warning


@pytest.mark.parametrize("policy", [{"allow": ["broken"]}, {"allow": "auto", "require": ["broken"]}])
def test_a_broken_plugin_that_is_asked_for_stops_what_asks_for_it(
    install: Callable[..., None], policy: dict[str, object]
) -> None:
    install("broken", "broken", "1 / 0")
    with pytest.raises(PluginError, match=r"broken 1.0 failed while loading: ZeroDivisionError"):
        load(**policy).check()
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        load("auto").get("broken")


def test_an_unknown_objective_gets_a_suggestion() -> None:
    with pytest.raises(UnknownObjectiveError) as caught:
        load_registry().get("toxcity")
    assert "did you mean 'toxicity'" in (caught.value.fix or "")


def test_the_name_of_a_variant_says_what_to_write_instead() -> None:
    with pytest.raises(UnknownObjectiveError) as caught:
        load_registry().get("ipo")
    assert caught.value.fix == "it is a variant of 'dpo': write dpo,loss_type=ipo"


def test_hooks_are_called_one_by_one_and_a_failure_has_an_owner(install: Callable[..., None]) -> None:
    reviewer = """
        from upo_sdk.plugin import hookimpl

        @hookimpl
        def upo_review_run(run):
            if run == "explode":
                raise RuntimeError("boom")
            return f"no {run}"
    """
    install("reviewer", "reviewer", reviewer)
    registry = load("auto").check()
    assert registry.calls("upo_review_run", run="today") == [("reviewer 1.0", "no today")]
    with pytest.raises(PluginError, match=r"'reviewer' of reviewer 1.0 failed while running upo_review_run"):
        registry.calls("upo_review_run", run="explode")


DEFAULT = """
    from upo_sdk.plugin import ObjectiveSpec, hookimpl

    @hookimpl
    def upo_register_objectives():
        return [
            ObjectiveSpec(name="NAME", kind="preference", target="nowhere:Nothing", default_for=("unpaired",))
        ]
"""


def test_the_default_preference_for_a_shape_is_what_a_spec_says_and_a_built_in_comes_first(
    install: Callable[..., None],
) -> None:
    install("acme-loss", "mine", DEFAULT.replace("NAME", "mine"))
    registry = load()
    assert (registry.default_preference("pairs"), registry.default_preference("unpaired")) == ("dpo", "kto")
    without = replace(registry, objectives={"mine": registry.objectives["mine"]})
    assert (without.default_preference("pairs"), without.default_preference("unpaired")) == (None, "mine")


SCHEME = """
    from upo_sdk.objectives import Needs, Options
    from upo_sdk.plugin import ObjectiveSpec, hookimpl

    class TargetOptions(Options):
        where: str

    class Scorer:
        needs = Needs()

        def __init__(self, options: TargetOptions) -> None:
            self.options = options

        def setup(self, device: str, /) -> None: ...
        def close(self) -> None: ...

        def rewards(self, completions, /):
            return [0.0 for _ in completions]

    @hookimpl
    def upo_register_objectives():
        kinds = {"acme": "name", "acme-path": "path", "acme-code": "import", "s3": "url"}
        return [
            ObjectiveSpec(
                name=name,
                kind="auxiliary",
                target=f"{__name__}:Scorer",
                options=f"{__name__}:TargetOptions",
                positional="where",
                target_kind=kind,
            )
            for name, kind in kinds.items()
        ]
"""


@pytest.mark.parametrize(
    ("text", "target", "label", "weight"),
    [
        ("acme:TARGET:0.3", "TARGET", "TARGET", 0.3),
        ("acme:score:0.3", "score", "score", 0.3),
        ("acme-path:org/model:0.3@step(5)", "org/model", "model", 0.3),
        ("acme-code:their.package.score", "their.package.score", "score", 1.0),
        ("s3://bucket/key:0.3,as=mine", "s3://bucket/key", "mine", 0.3),
        ("s3://bucket/key:0.3", "s3://bucket/key", "bucket", 0.3),
    ],
)
def test_a_third_party_owns_a_scheme_whatever_its_target_is(
    install: Callable[..., None], text: str, target: str, label: str, weight: float
) -> None:
    install("acme-scheme", "acme", SCHEME)
    config = RunConfig.model_validate({"objectives": [text]})
    (live,) = build_objectives(config.objectives, load())
    assert live.options is not None
    assert (live.options.model_dump(), live.label, live.weight) == ({"where": target}, label, weight)
    assert live.distribution == "acme-scheme"


def test_without_its_plugin_a_scheme_is_unknown_and_with_a_broken_one_that_is_said(
    install: Callable[..., None],
) -> None:
    refs = RunConfig.model_validate({"objectives": ["acme:org/model:0.3"]}).objectives
    with pytest.raises(UnknownObjectiveError, match="there is no objective 'acme'"):
        build_objectives(refs, load())
    install("acme-scheme", "acme", "raise RuntimeError('broken')")
    for text in ("acme:org/model:0.3", "acme:score:0.3"):
        with pytest.raises(PluginError, match="failed while loading"):
            build_objectives(RunConfig.model_validate({"objectives": [text]}).objectives, load())
