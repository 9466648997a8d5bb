"""Reward functions with TRL's signature."""

from __future__ import annotations

import asyncio
import sys
import threading
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from upo_plugins.trl.objective import parameters_of
from upo_sdk.config import ObjectiveRef, PluginPolicy
from upo_sdk.errors import ObjectiveRefError, PluginError
from upo_sdk.objectives import Completion
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.testing import check_objective

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FUNCTIONS = """
    import asyncio, threading

    def shorter(prompts, completions, **kwargs):
        return [float(len(prompt) - len(response)) for prompt, response in zip(prompts, completions)]

    def only_completions(completions):
        return [float(len(response)) for response in completions]

    def correct(completions, solution, **kwargs):
        return [float(answer == right) if right else None for answer, right in zip(completions, solution)]

    def seen(completions, topic=None, log_extra=None, **kwargs):
        seen.keywords = dict(kwargs, topic=topic, completions=completions)
        return [0.0] * len(completions)

    def logs(completions, log_extra, log_metric):
        log_extra("answer", completions)
        log_metric("share", 0.5)
        return [1.0] * len(completions)

    def content(completions, **kwargs):
        return [float(len(completion[0]["content"])) for completion in completions]

    async def waits(prompts, completions, **kwargs):
        await asyncio.sleep(0)
        waits.loops.add(id(asyncio.get_running_loop()))
        waits.threads.add(threading.get_ident())
        return [float(len(completion)) for completion in completions]

    waits.loops, waits.threads = set(), set()

    def by_tokens(completion_ids, **kwargs):
        return [float(len(ids)) for ids in completion_ids]

    def above_the_mean(completions, **kwargs):
        mean = sum(map(len, completions)) / len(completions)
        return [len(response) - mean for response in completions]

    number = 5
"""

TEXTS = [Completion("ask", "a"), Completion("ask me", "abc")]
CHAT = [
    Completion(
        "hi",
        "hello",
        prompt_messages=[{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
        response_messages=[{"role": "assistant", "content": "hello"}],
    )
]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], LiveObjective]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trl_rewards", raising=False)
    (tmp_path / "trl_rewards.py").write_text(dedent(FUNCTIONS))

    def run(text: str) -> LiveObjective:
        (live,) = build_objectives([ObjectiveRef.model_validate(text)], load_registry())
        live.objective.setup("cpu")
        return live

    return run


@pytest.mark.parametrize("text", ["trl:trl_rewards.shorter:0.2", "trl:trl_rewards:shorter:0.2"])
def test_prompts_and_completions_come_as_lists(build: Any, text: str) -> None:
    live = build(text)
    assert live.auxiliary.rewards(TEXTS) == [2.0, 3.0]
    assert (live.weight, live.label) == (0.2, "shorter")


def test_a_function_without_keywords_gets_what_it_names(build: Any) -> None:
    assert build("trl:trl_rewards.only_completions").auxiliary.rewards(TEXTS) == [1.0, 3.0]


def test_a_parameter_without_a_default_is_a_column(build: Any) -> None:
    live = build("trl:trl_rewards.correct")
    assert live.objective.needs.columns == {"solution"}
    data = [Completion("q", "4", {"solution": "4"}), Completion("q", "5", {"solution": "4"})]
    assert live.auxiliary.rewards(data) == [1.0, 0.0]


def test_other_columns_are_handed_over_if_they_are_named(build: Any) -> None:
    import trl_rewards

    live = build("trl:trl_rewards.seen,columns=topic+level")
    live.auxiliary.rewards([Completion("q", "a", {"topic": "x", "level": 2})])
    assert trl_rewards.seen.keywords == {"prompts": ["q"], "completions": ["a"], "topic": ["x"], "level": [2]}


def test_a_function_that_compares_the_completions_of_a_call_is_told_once(build: Any) -> None:
    data = [Completion("q", "ab"), Completion("q", "abcd")]  # the mean is 3, so 1 among others and 0 alone
    live = build("trl:trl_rewards.above_the_mean")
    assert live.auxiliary.rewards(data) == [-1.0, 1.0]
    (remark,) = live.objective.remarks()
    assert "gave one completion 1.0 among others and 0.0 alone" in remark
    live.auxiliary.rewards(data)
    assert live.objective.remarks() == []


def test_none_is_neutral_and_counted_until_it_was_told(build: Any) -> None:
    data = [Completion("q", "4", {"solution": solution}) for solution in ("4", None, "")]
    live = build("trl:trl_rewards.correct")
    assert live.auxiliary.rewards(data) == [1.0, 0.0, 0.0]
    assert live.objective.remarks() == ["the function returned None for 2 of 3, which have reward 0"]
    assert live.objective.remarks() == []
    assert build("trl:trl_rewards.correct,none=0.5").auxiliary.rewards(data) == [1.0, 0.5, 0.5]


def test_conversations_come_as_messages_and_plain_text_if_wanted(build: Any) -> None:
    assert build("trl:trl_rewards.content").auxiliary.rewards(CHAT) == [5.0]
    assert build("trl:trl_rewards.content,form=conversational").auxiliary.rewards(TEXTS) == [1.0, 3.0]
    plain = build("trl:trl_rewards.shorter,form=standard")
    assert plain.auxiliary.rewards(CHAT) == [-3.0]
    assert not plain.objective.needs.messages


def test_loggers_do_nothing(build: Any) -> None:
    assert build("trl:trl_rewards.logs").auxiliary.rewards(TEXTS) == [1.0, 1.0]


def test_an_asynchronous_function_keeps_one_loop_also_beside_a_loop_of_the_caller(build: Any) -> None:
    import trl_rewards

    live = build("trl:trl_rewards.waits")

    async def caller() -> list[float]:
        return [*live.auxiliary.rewards(TEXTS), *live.auxiliary.rewards(TEXTS)]

    assert asyncio.run(caller()) == [1.0, 3.0, 1.0, 3.0]
    assert len(trl_rewards.waits.loops) == 1
    assert threading.get_ident() not in trl_rewards.waits.threads
    live.objective.close()


def test_what_exists_only_while_trl_trains_is_refused_at_once(build: Any) -> None:
    with pytest.raises(PluginError, match="needs completion_ids, which exist only while TRL trains"):
        build("trl:trl_rewards.by_tokens")


@pytest.mark.parametrize("target", ["not_there.fn", "trl_rewards.absent", "trl_rewards.number"])
def test_a_path_that_leads_to_no_function_is_one_clear_error(build: Any, target: str) -> None:
    with pytest.raises(PluginError, match=r"cannot be imported|is not a function"):
        build(f"trl:{target}")


def test_a_path_without_a_module_is_refused(build: Any) -> None:
    with pytest.raises(ObjectiveRefError, match="pattern"):
        build("trl:shorter")


def test_the_hash_of_the_function_is_part_of_the_fingerprint(build: Any, tmp_path: Path) -> None:
    before = build("trl:trl_rewards.shorter").objective.fingerprint()
    (tmp_path / "trl_rewards.py").write_text("def shorter(completions): ...\n")
    assert build("trl:trl_rewards.shorter").objective.fingerprint() != before


def test_the_block_list_covers_the_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trl_rewards", raising=False)
    info = tmp_path / "acme_rewards-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rewards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[upo]\nacme = acme_plugin\n")
    (info / "top_level.txt").write_text("trl_rewards\n")
    (tmp_path / "trl_rewards.py").write_text("raise SystemExit('it ran')")
    blocked = load_registry(PluginPolicy(allow="auto", block=("acme-rewards",)))
    with pytest.raises(PluginError, match=r"'trl_rewards\.shorter' is in acme-rewards 1\.0, which is blocked"):
        build_objectives([ObjectiveRef.model_validate("trl:trl_rewards.shorter")], blocked)


def test_the_signature_is_read_as_trl_calls_it() -> None:
    def function(prompts: Any, solution: Any, level: Any = None, *, trainer_state: Any = None, **kwargs: Any) -> None:
        del prompts, solution, level, trainer_state, kwargs

    found = parameters_of(function)
    assert found.names == {"prompts", "solution", "level", "trainer_state"}
    assert (found.columns, found.online, found.any_keyword) == ({"solution"}, frozenset(), True)


def test_the_objective_passes_every_conformance_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kit_rewards.py").write_text(
        "def shorter(prompts, completions, **kwargs):\n    return [-float(len(text)) for text in completions]\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    check_objective("trl:kit_rewards.shorter")
