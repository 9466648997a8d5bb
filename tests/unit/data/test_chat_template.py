"""Which chat template is used, on which date, and every way in which one can fail."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from chat_templates import CHATML, Family, chat_tokenizer

from upo_sdk.data import check_template, tokenize, unused_template
from upo_sdk.data.chat_template import ChatTemplate, choose_template
from upo_sdk.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]

ROW = {
    "prompt": [{"role": "user", "content": "Hi"}],
    "chosen": [{"role": "assistant", "content": "Good"}],
    "rejected": [{"role": "assistant", "content": "Bad"}],
}
DAY = date(2026, 1, 3)


def with_template(template: Any) -> Any:
    tokenizer = chat_tokenizer("chatml")
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ 'a' + 1 }}", "fails on .*TypeError: can only concatenate str"),
        ("{{ 1 // 0 }}", "fails on .*ZeroDivisionError"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "fails on .*RecursionError"),
        ("{{ messages[0].nothing.more }}", "fails on .*UndefinedError"),
        ("{{ messages[7]['role'] }}", "fails on .*UndefinedError"),
        ("{{ raise_exception('no luck today') }}", "refuses .*: no luck today"),
        ("{% if %}", "refuses .*"),
    ],
)
def test_whatever_a_template_raises_is_an_error_with_the_row(load: Load, template: str, reason: str) -> None:
    data = load(ROW).train
    with pytest.raises(DataError, match=reason) as error:
        check_template(with_template(template), data)
    assert str(error.value.where).endswith("data.jsonl, row 1")
    with pytest.raises(DataError, match=rf"row 1, .*{reason}"):
        tokenize(data, with_template(template), max_length=50, max_prompt_length=None)


@pytest.mark.parametrize(
    ("template", "reason"), [(" \n", "renders nothing"), ("{{ messages[0].content }} said", "are the same tokens: the")]
)
def test_a_template_that_writes_no_answer_is_refused(load: Load, template: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"row 1, .*{reason}"):
        tokenize(load(ROW).train, with_template(template), max_length=50, max_prompt_length=None)


def test_of_several_templates_without_a_default_one_is_chosen_by_name(load: Load) -> None:
    tokenizer = with_template({"tool_use": "{{ 1 // 0 }}", "rag": CHATML})
    with pytest.raises(ModelError, match="none of them is the default: rag, tool_use") as error:
        check_template(tokenizer, load(ROW).train)
    assert error.value.fix == "choose one: `model.chat_template=rag`"
    choose_template(tokenizer, "rag")
    assert tokenizer.chat_template == CHATML
    assert not check_template(tokenizer, load(ROW).train)


def test_a_default_among_several_is_used_without_a_word(load: Load) -> None:
    assert not check_template(with_template({"default": CHATML, "rag": "{{ 1 // 0 }}"}), load(ROW).train)


def test_a_template_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages[0].content }}", encoding="utf-8")
    tokenizer = with_template(CHATML)
    choose_template(tokenizer, str(tmp_path / "own.jinja"))
    assert tokenizer.chat_template == "{{ messages[0].content }}"


def test_a_template_that_is_nowhere_is_named_with_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"no chat template 'ragg': the tokenizer has the templates default, rag"):
        choose_template(with_template({"default": CHATML, "rag": CHATML}), "ragg")


def test_no_template_for_conversations_is_found_by_the_check(load: Load) -> None:
    with pytest.raises(ModelError, match="no chat template"):
        check_template(chat_tokenizer(Family("", "</s>")), load(ROW).train)


@pytest.mark.parametrize("template", [5, {"default": None}])
def test_a_template_that_is_no_text_is_named(load: Load, template: Any) -> None:
    with pytest.raises(ModelError, match="chat template is not text"):
        check_template(with_template(template), load(ROW).train)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("%d %b %Y", "03 Jan 2026"),
        ("%-d.%-m.%y", "3.1.26"),
        ("%A, %H:%M", "Saturday, 00:00"),
        ("100%% %%d %j", "100% %d 003"),
    ],
)
def test_a_template_that_asks_for_the_time_gets_midnight_of_the_date(form: str, written: str) -> None:
    source = f"{{%- macro today() %}}{{{{ strftime_now('{form}') }}}}{{% endmacro %}}  \n{{{{ today() }}}}"
    for template in (f"{{{{ strftime_now('{form}') }}}}", source):
        assert ChatTemplate(with_template(template), DAY).render(ROW["prompt"], {}).strip() == written


def test_a_fixed_date_changes_nothing_else_of_a_template() -> None:
    template = "  {% if strftime_now is defined %}\n  known\n{% endif %}\n {{ messages[0].content }}"
    tokenizer = with_template(template)
    expected = tokenizer.apply_chat_template(ROW["prompt"], tokenize=False)
    assert ChatTemplate(tokenizer, DAY).render(ROW["prompt"], {}) == expected


@pytest.mark.parametrize("family", ["llama-3.1", "llama-3.2"])
def test_the_date_is_part_of_the_tokens(load: Load, family: str) -> None:
    def run(day: date) -> tuple[str, list[int]]:
        done = list[int]()
        made = tokenize(
            load(ROW).train,
            chat_tokenizer(family),
            max_length=500,
            max_prompt_length=None,
            on_date=day,
            on_progress=lambda count, _: done.append(count),
        )
        return chat_tokenizer(family).decode(made.dataset[0]["prompt_ids"]), done

    text, done = run(DAY)
    assert "Today Date: 03 Jan 2026" in text
    assert done == [1]
    assert run(DAY) == (text, [])
    other, done = run(date(2026, 1, 4))
    assert "Today Date: 04 Jan 2026" in other
    assert done == [1]


def test_only_a_template_that_writes_the_date_of_the_day_is_noticed(load: Load) -> None:
    data = load(ROW).train
    assert check_template(chat_tokenizer("llama-3.2"), data)
    assert not check_template(chat_tokenizer("llama-3.1"), data)  # a fixed date of its own
    unused = CHATML + "{% if tools %}{{ strftime_now('%d') }}{% endif %}"
    assert not check_template(with_template(unused), data)


@pytest.mark.parametrize(
    ("template", "prompt", "told"),
    [(CHATML, "Hi", True), (None, "Hi", False), (CHATML, "<|im_start|>user\nHi<|im_end|>\n", False)],
    ids=["plain text", "no template", "rendered before"],
)
def test_plain_text_for_a_model_with_a_template_is_told(
    load: Load, template: str | None, prompt: str, *, told: bool
) -> None:
    rows = load({"prompt": prompt, "chosen": "Good", "rejected": "Bad"}).train
    said = unused_template(with_template(template), rows)
    assert (said is not None and "give prompt and responses as messages" in said) is told
