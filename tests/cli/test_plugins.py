from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_plugins.dpo.loss_types import MEANINGS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Installer, Upo, UpoProcess

_GREETS = """
from upo_sdk.plugin import hookimpl

@hookimpl
def upo_register_commands(app):
    @app.command()
    def say_hello():
        print("hello from a plugin")

    @app.command()
    def train():
        print("usurped")
"""

_POLITE = """
from pathlib import Path
from upo_sdk.plugin import ObjectiveSpec, hookimpl

Path("imported").touch()

@hookimpl
def upo_register_objectives():
    return [ObjectiveSpec(name="polite", kind="auxiliary", target="acme_polite:score", summary="[Says] please")]

def score(prompt, response):
    return float("please" in response)
"""


def test_the_list_names_the_distribution_of_every_objective(upo: Upo) -> None:
    found = {item["name"]: item for item in upo("objectives", "list", "--json").data["objectives"]}
    assert found["dpo"]["kind"] == "preference"
    assert found["toxicity"]["kind"] == "auxiliary"
    assert found["length"]["from"].startswith("upo-sdk ")


def test_the_list_of_objectives_is_one_line_each(upo: Upo) -> None:
    lines = upo("objectives", "list").out.splitlines()
    assert lines[0].split() == ["name", "kind", "summary", "from"]
    assert {line.split()[0] for line in lines[1:]} >= {"dpo", "kto", "toxicity", "lexical", "length"}


def test_showing_an_objective_lists_its_options_with_type_default_and_meaning(upo: Upo) -> None:
    options = {item["name"]: item for item in upo("objectives", "show", "dpo", "--json").data["options"]}
    assert options["beta"]["type"] == "float > 0"
    assert options["beta"]["default"] == "0.1"
    assert options["label_smoothing"]["type"] == "float ≥ 0 < 0.5"
    assert options["loss_type"]["type"] == "|".join(MEANINGS)
    shown = upo("objectives", "show", "dpo").out
    assert "Strength β with which the policy is kept near the reference model." in shown
    assert "upo train --objective dpo" in shown


def test_showing_dpo_explains_every_loss_in_a_line(upo: Upo) -> None:
    lines = [line.strip() for line in upo("objectives", "show", "dpo").out.splitlines()]
    assert [name for name in MEANINGS if not any(line.startswith(f"{name}: ") for line in lines)] == []


def test_objectives_with_a_target_say_how_they_are_written(upo: Upo) -> None:
    listed = upo("objectives", "list").out
    for form in ("column:NAME", "hf:MODEL_OR_FOLDER", "trl:package.function", "https://HOST/PATH"):
        assert form in listed
    shown = upo("objectives", "show", "hf").out
    assert "Name or number of the label to reward" in shown
    assert "upo train --objective hf:MODEL:0.3,OPTION=VALUE" in shown


_DECORATED = """
from typing import Annotated
from pydantic import Field
from upo_sdk.objectives import auxiliary_objective
from upo_sdk.plugin import ObjectiveSpec, hookimpl

@auxiliary_objective
def polite(prompt: str, response: str, *, word: Annotated[str, Field(description="What counts.")] = "please") -> float:
    return float(word in response)

@hookimpl
def upo_register_objectives():
    path = "acme_polite:polite"
    return [ObjectiveSpec(name="polite", kind="auxiliary", target=path, options=path, summary="Says please")]
"""


@pytest.mark.parametrize("name", ["polite", "acme_polite:polite"])
def test_the_options_of_a_decorated_function_are_shown(
    upo_with_site: UpoProcess, install: Installer, name: str
) -> None:
    install("acme-polite", _DECORATED)
    shown = upo_with_site("objectives", "show", name, "--json").data
    assert shown["options"] == [{"name": "word", "type": "text", "default": "please", "description": "What counts."}]
    assert f"--objective {name}:0.3,OPTION=VALUE" in upo_with_site("objectives", "show", name).out


def test_a_registered_function_trains_with_its_options(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-polite", _DECORATED)
    planned = upo_with_site("train", "-o", "polite:0.3,word=thanks", "--dry-run", "--json")
    assert planned.code == 0, planned.err
    refused = upo_with_site("train", "-o", "polite:0.3,wrd=thanks", "--dry-run")
    assert "did you mean 'word'" in refused.err


def test_a_third_party_objective_is_listed_with_its_origin(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-polite", _POLITE)
    line = next(line for line in upo_with_site("objectives", "list").out.splitlines() if line.startswith("polite"))
    assert "[Says] please" in line
    assert line.rstrip().endswith("acme-polite 1.0")


def test_a_blocked_plugin_is_never_imported(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-polite", _POLITE)
    ended = upo_with_site("plugins", "list", "--block-plugin", "acme-polite", "--json")
    found = {item["name"]: item for item in ended.data["plugins"]}
    assert found["acme_polite"]["status"] == "blocked"
    refused = upo_with_site("train", "-o", "polite", "--plugins", "none")
    assert refused.code == 2
    assert "there is no objective 'polite'" in refused.err
    by_environment = upo_with_site("objectives", "list", UPO_PLUGINS="none")
    assert "polite" not in by_environment.out
    assert not (install.site.parent / "imported").exists()


def test_the_file_may_block_what_the_command_line_would_load(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-polite", _POLITE)
    (install.site.parent / "run.yaml").write_text("objectives: [polite]\nplugins: {block: [acme-polite]}\n")
    ended = upo_with_site("train", "-c", "run.yaml", "--plugins", "auto", "--block-plugin", "other")
    assert ended.code == 2
    assert "there is no objective 'polite'" in ended.err
    assert not (install.site.parent / "imported").exists()


def test_a_plugin_adds_a_command_but_takes_none_of_ours(upo_process: UpoProcess, install: Installer) -> None:
    install("acme-greets", _GREETS)
    said = upo_process("say-hello")
    assert said.code == 0
    assert said.out == "hello from a plugin\n"
    shown = upo_process("--help")
    assert "say-hello" in shown.out
    assert "a plugin adds the command 'train', which exists already" in shown.err
    assert "usurped" not in upo_process("train", "-o", "dop").out


def test_a_broken_plugin_breaks_neither_the_help_nor_the_list(upo_process: UpoProcess, install: Installer) -> None:
    install("acme-broken", "raise RuntimeError('half installed')")
    assert upo_process("--help").code == 0
    listed = upo_process("plugins", "list", "--json")
    assert listed.code == 0
    broken = next(item for item in listed.data["plugins"] if item["distribution"] == "acme-broken")
    assert broken["status"] == "failed"
    assert "half installed" in broken["reason"]
    objectives = upo_process("objectives", "list")
    assert objectives.code == 0
    assert "upo plugins list shows why" in objectives.err


def test_a_broken_plugin_that_is_asked_for_stops_a_run_with_the_fix(
    upo_with_site: UpoProcess, install: Installer
) -> None:
    install("acme-broken", "raise RuntimeError('half installed')")
    ended = upo_with_site("train", "-o", "acme_broken:0.3")
    assert ended.code == 2
    assert "half installed" in ended.err
    assert "--block-plugin acme-broken" in ended.err
    assert "Traceback" not in ended.err


def test_a_command_hook_that_raises_is_named_and_the_help_still_comes(
    upo_process: UpoProcess, install: Installer
) -> None:
    install(
        "acme-raises",
        "from upo_sdk.plugin import hookimpl\n@hookimpl\ndef upo_register_commands(app): raise OSError('no')\n",
    )
    ended = upo_process("--help")
    assert ended.code == 0
    assert "objectives" in ended.out
    assert "acme-raises 1.0 failed while running upo_register_commands" in ended.err


def test_a_claim_on_a_built_in_name_is_refused_unread(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-usurper", "from pathlib import Path\nPath('imported').touch()", name="toxicity")
    found = [item for item in upo_with_site("plugins", "list", "--json").data["plugins"] if item["name"] == "toxicity"]
    assert {item["status"] for item in found} == {"refused"}
    ended = upo_with_site("train", "-o", "toxicity")
    assert ended.code == 2
    assert "acme-usurper 1.0 claims the plugin name 'toxicity'" in ended.err
    assert not (install.site.parent / "imported").exists()


def test_the_environment_blocks_and_requires_and_the_command_line_cannot_lift_it(
    upo_with_site: UpoProcess, install: Installer
) -> None:
    install("acme-polite", _POLITE)
    forbidden = {"UPO_PLUGINS": "auto", "UPO_PLUGINS_BLOCK": "acme-polite, other"}
    listed = upo_with_site("plugins", "list", "--json", "--block-plugin", "third", **forbidden)
    found = {item["name"]: item for item in listed.data["plugins"]}
    assert (found["acme_polite"]["status"], found["acme_polite"]["reason"]) == ("blocked", "in the block list")
    assert not (install.site.parent / "imported").exists()
    refused = upo_with_site("train", "-o", "dpo", UPO_PLUGINS_REQUIRE="company-rules")
    assert refused.code == 2
    assert "the required plugin distribution 'company-rules' is not installed" in refused.err


def test_list_and_doctor_work_though_a_required_plugin_is_missing(upo: Upo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPO_PLUGINS_REQUIRE", "company-rules")
    listed = upo("plugins", "list", "--json")
    assert listed.code == 0
    assert "company-rules" in listed.data["problems"][0]["what"]
    shown = upo("plugins", "list")
    assert "toxicity" in shown.out
    assert "'company-rules' is not installed" in shown.err
    broken = [item for item in upo("doctor", "--json").data["checks"] if item["status"] == "broken"]
    assert "company-rules" in broken[0]["detail"]


_OFFERS_ALL = """
from upo_sdk.plugin import ObjectiveSpec, hookimpl

print("hello from the import")

@hookimpl
def upo_register_objectives():
    kinds = {"one": "auxiliary", "two": "preference"}
    return [ObjectiveSpec(name=name, kind=kind, target="acme_all:X") for name, kind in kinds.items()]

@hookimpl
def upo_register_commands(app): ...

@hookimpl
def upo_review_run(run): ...
"""


def test_the_list_says_what_a_plugin_offers_and_that_it_prints(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-all", _OFFERS_ALL)
    listed = upo_with_site("plugins", "list", "--json")
    found = {item["name"]: item for item in listed.data["plugins"]}
    assert found["acme_all"]["kind"] == "auxiliary, preference, commands, review"
    assert found["dpo"]["kind"] == "preference"
    assert "acme-all 1.0 prints while loading: 'hello from the import'" in listed.data["remarks"][0]
    shown = upo_with_site("plugins", "list")
    assert "hello" not in shown.out
    assert "note: the plugin 'acme_all' of acme-all 1.0 prints while loading" in shown.err


def test_a_plugin_that_exits_while_it_is_imported_is_a_broken_plugin(
    upo_with_site: UpoProcess, install: Installer
) -> None:
    install("acme-exits", "raise SystemExit(0)")
    listed = upo_with_site("plugins", "list", "--json")
    failed = next(item for item in listed.data["plugins"] if item["distribution"] == "acme-exits")
    assert (failed["status"], failed["kind"]) == ("failed", "-")
    assert "SystemExit" in failed["reason"]
    assert upo_with_site("train", "-o", "dpo", "--dry-run", "--require-plugin", "acme-exits").code == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("train", "-o", "dpo", "--max_steps", "2", "--dry-run"), 0),
        (("sweep", "-o", "dpo", "-o", "length:0,0.1,target=9", "--dry-run"), 0),
        (("objectives", "list"), 0),
        (("eval", "demo", "--max_new_tokens", "0"), 2),
        (("plugins", "list"), 0),
        (("doctor",), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_neighbour_without_metadata_costs_a_command_one_line(
    upo: Upo, arguments: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "neighbour-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[upo]\nodd = plugin_odd\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    ended = upo(*arguments)
    assert ended.code == code, ended.err
    lines = [line for line in (ended.out + ended.err).splitlines() if "did not load" in line or "METADATA" in line]
    if arguments[0] in {"train", "sweep", "objectives"}:
        assert len(lines) == 1
    if arguments[0] in {"plugins", "doctor"}:
        assert "its METADATA is missing or has no name" in lines[0]


def test_the_help_comes_though_a_neighbour_has_no_metadata(upo_process: UpoProcess, install: Installer) -> None:
    info = install.site / "neighbour-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("[upo]\nodd = plugin_odd\n")
    assert upo_process("--help").code == 0


_VETO = """
from upo_sdk.plugin import hookimpl

@hookimpl
def upo_review_run(run):
    return WORD
"""


def test_every_reviewer_that_objects_is_heard(upo_with_site: UpoProcess, install: Installer) -> None:
    install("acme-legal", _VETO.replace("WORD", "'no licence for this data'"))
    install("acme-ops", _VETO.replace("WORD", "f'{run.steps} steps are too many'"))
    install("acme-calm", _VETO.replace("WORD", "None"))
    ended = upo_with_site("train", "-o", "toxicity:0.3", "--dry-run")
    assert ended.code == 2
    assert "a reviewer refuses the run: no licence for this data; 120 steps are too many" in ended.err
    assert "where: acme-legal 1.0, acme-ops 1.0" in ended.err
