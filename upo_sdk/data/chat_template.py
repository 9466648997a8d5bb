"""The tokenizer's chat template: which of several, on which date, and every failure of it as an error with a row."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.messages import CONVERSATION_COLUMNS, load_conversation
from upo_sdk.data.problems import RowError, parts_of
from upo_sdk.errors import DataError, ModelError
from upo_sdk.records import Chat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.messages import Message

__all__ = ["ChatTemplate", "check_template", "choose_template", "common_chat", "unused_template"]

_CLOCK = re.compile(r"\bstrftime_now\b")
_DATE = re.compile(r"\bdate_string\b")
_DATE_FORMAT = "%d %b %Y"
"""How the templates that take a ``date_string`` (Llama 3) write it themselves."""
_ROWS_CHECKED = 100
_FIX = "correct the messages, or use another template: `model.chat_template=FILE`"
_DIRECTIVES = "aAwdbBmyYHIMSfpjUWcxXGuV"

_ROWS = 1000
"""Rows that are looked at."""


def choose_template(tokenizer: PreTrainedTokenizerBase, chosen: str | None) -> None:
    """Give the tokenizer the template that the user names, so that the saved model has it too.

    Args:
        tokenizer: Its template may be one text, several with names, or missing.
        chosen: One of the names, or a file; None leaves the tokenizer as it is.

    Raises:
        ModelError: It is neither.
    """
    if chosen is None:
        return
    named = _named(tokenizer)
    if chosen in named:
        tokenizer.chat_template = named[chosen]
        return
    path = Path(chosen).expanduser()
    try:
        tokenizer.chat_template = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        has = f"the tokenizer has the templates {', '.join(sorted(named))}" if named else "the tokenizer has none "
        "with a name"
        raise ModelError(
            f"there is no chat template '{chosen}': {has}, and there is no such file",
            where=tokenizer.name_or_path or "tokenizer",
            fix="give a name or a .jinja file: `model.chat_template=FILE.jinja`",
        ) from error


def check_template(
    tokenizer: PreTrainedTokenizerBase, data: Dataset, on_date: date | None = None, *, drop: bool = False
) -> bool:
    """Return whether the date of the day stands in what the tokenizer's template makes of conversations.

    Args:
        tokenizer: The policy's.
        data: Normalised conversations; the first ones are rendered.
        on_date: What the template shall take for today.
        drop: A row on which it fails is left out later.

    Raises:
        ModelError: There is no template, or there are several and none is the default.
        DataError: It fails on the first row.
    """
    template = ChatTemplate(tokenizer, on_date)
    rows = data.select(range(min(len(data), _ROWS_CHECKED if template.on_date else 1)))
    for row in read_rows_of(rows, "row", *CONVERSATION_COLUMNS):
        conversation = load_conversation(row)
        render = partial(template.render, conversation.prompt, conversation.template_inputs, add_generation_prompt=True)
        try:
            text = render()
        except RowError as error:
            if drop:
                continue
            reason = error.reason.replace(" them", " the messages", 1)
            part, number = parts_of(data).locate(row["row"])
            where = f"{part.source}, row {number}"
            raise DataError(reason, where=where, fix=_FIX) from error
        if template.on_date and text != render(on_date=template.on_date - timedelta(days=400)):
            return True
    return False


def unused_template(tokenizer: PreTrainedTokenizerBase, data: Dataset) -> str | None:
    """Return, in words, that plain text does not go through the template that the tokenizer has.

    Text that a template has made already, which its special tokens show, needs no word.

    Args:
        tokenizer: The policy's.
        data: Normalised rows of plain text.
    """
    text = next(read_rows_of(data, "prompt"))["prompt"]
    if not tokenizer.chat_template or any(token in text for token in tokenizer.all_special_tokens):
        return None
    return (
        "the model has a chat template and the data is plain text, which does not go through it: to train a chat "
        "model, give prompt and responses as messages"
    )


class ChatTemplate:
    """Renders conversations with the tokenizer's template.

    Args:
        tokenizer: The policy's.
        on_date: What the template shall take for today. A template that asks for the time gets midnight of it.

    Attributes:
        on_date: The same; today's date if the template reads the clock and none is given, else None.
        eos: The end-of-sequence token as text, or nothing.

    Raises:
        ModelError: There is no template, or there are several and none is the default.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_date: date | None = None) -> None:
        _check_there_is_one(tokenizer)
        template: Any = tokenizer.chat_template
        texts = (_named(tokenizer) or {"": template or ""}).values()
        if on_date is None and any(map(_CLOCK.search, texts)):
            on_date = datetime.now().astimezone().date()
        self.on_date = on_date
        self.eos = str(tokenizer.eos_token or "")
        self._tokenizer = tokenizer
        self._sources = dict[bool, str]()

    def source(self, inputs: Mapping[str, Any]) -> str:
        """Return the text of the template that is used with these inputs; a tokenizer may have one for tools."""
        has_tools = inputs.get("tools") is not None
        if has_tools not in self._sources:
            tools: Any = [] if has_tools else None
            self._sources[has_tools] = self._tokenizer.get_chat_template(None, tools)
        return self._sources[has_tools]

    def render(
        self,
        messages: Sequence[Message],
        inputs: Mapping[str, Any],
        *,
        add_generation_prompt: bool = False,
        on_date: date | None = None,
    ) -> str:
        """Return the text of a conversation.

        Args:
            messages: At least one.
            inputs: What else the template reads: ``tools``, ``documents`` and any other name.
            add_generation_prompt: Whether to add what an answer of the model begins with.
            on_date: Another date than that of this object.

        Raises:
            RowError: The template fails.
        """
        source, on_date = self.source(inputs), on_date or self.on_date
        if on_date is not None:
            if _DATE.search(source):
                inputs = {"date_string": on_date.strftime(_DATE_FORMAT), **inputs}
            if _CLOCK.search(source):
                source = _clock_at(on_date) + source
        try:
            text = self._tokenizer.apply_chat_template(
                list(messages),
                tokenize=False,
                chat_template=source,
                add_generation_prompt=add_generation_prompt,
                **inputs,
            )
        except MemoryError:
            raise
        except Exception as error:
            raise RowError("messages", _reason(error)) from error
        assert isinstance(text, str)  # noqa: S101 - what tokenize=False promises
        return text


def _named(tokenizer: PreTrainedTokenizerBase) -> dict[str, str]:
    template: Any = tokenizer.chat_template
    return template if isinstance(template, dict) else {}


def _check_there_is_one(tokenizer: PreTrainedTokenizerBase) -> None:
    where = tokenizer.name_or_path or "tokenizer"
    if not tokenizer.chat_template:
        raise ModelError(
            "the data are conversations, and the tokenizer has no chat template",
            where=where,
            fix="give one with `model.chat_template=FILE.jinja`, use an instruction-tuned model's tokenizer, or "
            "give texts instead of messages",
        )
    templates: list[Any] = list(_named(tokenizer).values()) or [tokenizer.chat_template]
    if not all(isinstance(text, str) for text in templates):
        raise ModelError(
            "the tokenizer's chat template is not text",
            where=where,
            fix="correct chat_template in its tokenizer_config.json, or give one with `model.chat_template=FILE.jinja`",
        )
    names = sorted(_named(tokenizer))
    if names and "default" not in names:
        raise ModelError(
            f"the tokenizer has several chat templates and none of them is the default: {', '.join(names)}",
            where=where,
            fix=f"choose one: `model.chat_template={names[0]}`",
        )


def _clock_at(today: date) -> str:
    """Return the beginning of a template in which ``strftime_now`` returns a fixed date.

    A function among the inputs does not reach the template: transformers hands over plain data alone.
    """
    told = [("%%", "\0")]  # a doubled sign stands for itself, whatever letter follows it
    for sign in _DIRECTIVES:
        text = today.strftime(f"%{sign}")
        told += [(f"%-{sign}", text.lstrip("0") or "0")] * text.isdigit() + [(f"%{sign}", text)]
    replaced = "".join(f"|replace('{sign}', '{text}')" for sign, text in [*told, ("\0", "%")])
    return f"{{%- macro strftime_now(format) -%}}{{{{ format{replaced} }}}}{{%- endmacro %}}\n"


def _reason(error: Exception) -> str:
    import jinja2

    said = " ".join(str(error).split()) or "without a reason"
    if isinstance(error, jinja2.TemplateError) and not isinstance(error, jinja2.UndefinedError):
        return f"the tokenizer's chat template refuses them: {said}"
    return f"the tokenizer's chat template fails on them: {type(error).__name__}: {said}"


def common_chat(rows: Dataset) -> Chat:
    """Return what all conversations share: the system message, and what else the template reads; as far as 1,000 go."""
    columns = ("prompt_messages", "response_messages", "template_inputs")
    found = list(map(load_conversation, islice(read_rows_of(rows, *columns), _ROWS)))
    first = found[0]
    opening = first.prompt[:1] if first.prompt and first.prompt[0]["role"] == "system" else []
    return Chat(
        system=opening[0]["content"] if opening and all(row.prompt[:1] == opening for row in found) else None,
        template_inputs={
            name: value
            for name, value in first.template_inputs.items()
            if all(row.template_inputs.get(name) == value for row in found)
        },
    )
