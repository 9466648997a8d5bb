"""From a reference to a live objective."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveRefError, PluginError, UPOError
from upo_sdk.objectives import Completion
from upo_sdk.plugin import source_sha256
from upo_sdk.plugin.build import LiveObjective, build_objectives, check_options, union_of_needs
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from pathlib import Path


def build(*texts: str) -> list[LiveObjective]:
    return build_objectives([ObjectiveRef.model_validate(text) for text in texts], load_registry())


def test_options_written_as_text_become_typed() -> None:
    (dpo,) = build("dpo:2,beta=0.2,loss_type=ipo")
    assert dpo.options is not None
    assert dpo.options.model_dump(exclude_unset=True) == {"beta": 0.2, "loss_type": "ipo"}
    assert (dpo.label, dpo.weight, dpo.is_preference) == ("dpo", 2.0, True)
    assert dpo.distribution == "upo-sdk"


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("dpo,bta=0.2", "no option 'bta'", "did you mean 'beta'"),
        ("dpo,beta=high", "valid number", "upo objectives show dpo"),
        ("dpo,beta=-1", "greater than 0", "upo objectives show dpo"),
        ("dpo,loss_type=ipoo", "input should be 'sigmoid', 'sigmoid_norm'", "upo objectives show dpo"),
    ],
)
def test_a_wrong_option_is_named_with_a_way_out(text: str, message: str, fix: str) -> None:
    with pytest.raises(ObjectiveRefError, match=message) as caught:
        check_options(ObjectiveRef.model_validate(text), load_registry())
    assert fix in (caught.value.fix or "")


def test_a_function_in_a_module_is_an_objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    code = """
        def score(prompt: str, response: str) -> float:
            return float(len(response) - len(prompt))
    """
    (tmp_path / "my_rewards.py").write_text(dedent(code))
    (live,) = build("my_rewards:score:0.2")
    assert live.auxiliary.rewards([Completion("ab", "abcd"), Completion("", "x")]) == [2.0, 1.0]
    assert (live.weight, live.target_sha256 != "") == (0.2, True)


def test_a_function_needs_no_weight_and_its_label_is_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plain_rewards.py").write_text("def score(prompt, response):\n    return 1.0\n")
    (live,) = build("plain_rewards:score")
    assert (live.label, live.weight, live.target, str(live.ref)) == (
        *("plain_rewards:score", 1.0, "plain_rewards:score", "plain_rewards:score:1"),
    )


@pytest.mark.parametrize("text", ["toxicity:high", "toxicity:high:0.3", "dpo:org/model", "toxicity:0.3:0.1"])
def test_a_target_of_an_objective_that_takes_none_is_one_clear_error(text: str) -> None:
    target = text.split(":", 1)[1].removesuffix(":0.3").removesuffix(":0.1")
    for check in (lambda: build(text), lambda: check_options(ObjectiveRef.model_validate(text), load_registry())):
        with pytest.raises(ObjectiveRefError, match=f"takes no target, and '{target}' is not a weight") as caught:
            check()
        assert "upo objectives show" in (caught.value.fix or "")


@pytest.mark.parametrize("text", ["toxicty:org/model:0.3", "toxicty:high", "toxicty"])
def test_a_mistyped_name_is_corrected_whatever_stands_behind_it(text: str) -> None:
    with pytest.raises(PluginError) as caught:
        build(text)
    assert "did you mean 'toxicity'?" in (caught.value.fix or "")


def test_a_name_that_is_neither_an_objective_nor_a_module_is_one_clear_error() -> None:
    with pytest.raises(PluginError, match="'foo_of_nobody:bar' cannot be imported") as caught:
        build("foo_of_nobody:bar")
    assert "no objective is named 'foo_of_nobody': install the package" in (caught.value.fix or "")


def test_two_targets_with_one_short_label_are_refused_and_a_label_that_says_no_more_is_left_out() -> None:
    with pytest.raises(ObjectiveRefError, match="'help' is named twice"):
        build("column:help", "length:0.1,target=5,as=help")
    (live,) = build("column:help:0.3,as=help")
    assert (live.label, str(live.ref)) == ("help", "column:help:0.3")


@pytest.mark.parametrize("text", ["not.there:thing", "json.decoder:nothing", "sys.path:append.x", "os.path:sep"])
def test_a_dotted_path_that_leads_nowhere_is_one_clear_error(text: str) -> None:
    with pytest.raises(PluginError) as caught:
        build(text)
    assert caught.value.where


def test_a_class_that_is_no_objective_is_refused() -> None:
    with pytest.raises(UPOError, match=r"neither a loss\(\) nor a rewards\(\) method"):
        build("collections:OrderedDict:1")


def test_needs_are_united() -> None:
    needs = union_of_needs(build("dpo", "kto", "length:0.1,target=5,unit=tokens"))
    assert (needs.reference, needs.pairs, needs.kl, needs.token_counts) == (True, True, True, True)


def test_the_hash_of_a_plugin_covers_every_module_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "hashed_package"
    package.mkdir()
    for name in ("__init__", "objective", "helper"):
        (package / f"{name}.py").write_text("")
    before = source_sha256("hashed_package.objective")
    (package / "helper.py").write_text("changed = True")
    assert source_sha256("hashed_package.objective") != before


def test_the_hash_of_a_plugin_covers_what_it_imports_from_its_distribution_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "several_plugins"
    sources = {
        "__init__": "",
        "one/__init__": "",
        "one/objective": "from several_plugins.shared import text\nfrom .. import near\n",
        "shared": "import several_plugins.deep.inner as inner\nraise SystemExit('it ran')\n",
        "near": "",
        "deep/inner": "import json\n",
        "other/objective": "",
    }
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.py").write_text(text)
    seen = [source_sha256("several_plugins.one.objective")]
    for name in ("shared", "near", "deep/inner", "other/objective"):
        (folder / f"{name}.py").write_text(f"{sources[name]}changed = True\n")
        seen.append(source_sha256("several_plugins.one.objective"))
    assert len(set(seen[:-1])) == 4
    assert seen[-1] == seen[-2]  # the neighbour is another plugin


def test_a_module_outside_any_package_is_hashed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "hashed_alone.py").write_text("import hashed_beside\n")
    (tmp_path / "hashed_beside.py").write_text("")
    before = source_sha256("hashed_alone")
    (tmp_path / "hashed_beside.py").write_text("changed = True\n")
    assert source_sha256("hashed_alone") == before != ""


def test_a_function_beside_the_user_says_how_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside_me.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError, match="cannot be imported") as caught:
        build_objectives([ObjectiveRef.model_validate("beside_me:score:0.3")], load_registry())
    assert "beside_me lies in the current folder" in (caught.value.fix or "")
    assert "PYTHONPATH=." in (caught.value.fix or "")
