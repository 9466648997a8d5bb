"""Compares the text of a rendered conversation with what the user gave, whatever keys that has."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.findings import Kind, finding_key
from upo_sdk.data.text_search import any_of, find_text, without_blanks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.chat_template import ChatTemplate
    from upo_sdk.data.messages import Conversation, Message
    from upo_sdk.data.rendering import Answer, Rendered

__all__ = ["FidelityCheck"]

_SHORT = 40
"""A text this short may stand in another one by chance: it must be there as often as in the data."""
_WORDS_OF_A_TEXT = 4
_WORD = re.compile(r"[^\W\d_]{2,}")
_JSON_KEY = re.compile(r'"[^"\n]*"\s*:')
_SHOWN = 80
_KINDS_OF_OBJECTS = frozenset({"type"})
"""Keys that say what an object is and not what it holds, such as ``{"type": "function"}``."""


class FidelityCheck:
    """Finds where template and data differ; everything that is a text in the data must be in what is rendered.

    Args:
        tokenizer: The policy's.
        template: Its chat template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate) -> None:
        self._template = template
        special, added = map(str, tokenizer.all_special_tokens), cast("Any", tokenizer).get_added_vocab()
        self._special = any_of(special)
        self._control = any_of(added)
        self._ends = set[str]()
        self._own_text = dict[str, str | None]()

    def of(self, conversation: Conversation, rendered: Rendered) -> list[str]:
        """Return what differs in one row, each once."""
        found = dict.fromkeys(self._of_prompt(conversation, rendered))
        for response, whole, answers in zip(conversation.responses, rendered.wholes, rendered.answers, strict=True):
            found |= dict.fromkeys(self._of_response(response, whole, answers))
            found |= dict.fromkeys(self._unread_numbers(response, conversation, "responses"))
        return list(found)

    def _of_prompt(self, conversation: Conversation, rendered: Rendered) -> Iterator[str]:
        prompt, inputs = conversation.prompt, conversation.template_inputs
        given = _UserTexts()
        for name, value in inputs.items():
            if name in {"tools", "documents"}:  # first: of equal texts the later ones are named as left out
                given.add(name, "", value)
            elif not re.search(rf"\b{re.escape(name)}\b", self._template.source(inputs)):
                yield finding_key(Kind.DROPPED, f"'{name}' of chat_template_kwargs, which it does not know")
        for message in prompt:
            given.add_message(message, "prompts")
        for name in given.missing_from(rendered.prompt):
            yield finding_key(Kind.DROPPED, name)
        yield from self._unread_numbers(prompt, conversation, "prompts")
        if prompt and prompt[-1]["role"] == "assistant":
            yield finding_key(Kind.CONTINUED)
        if not rendered.opened:
            yield finding_key(
                Kind.OPENING, _shown(rendered.prompt[min(a.start for own in rendered.answers for a in own) :])
            )
        own_text = self._text_of_template(conversation, rendered.prompt, given)
        if own_text:
            yield finding_key(Kind.ADDED_TO_PROMPTS, _shown(own_text))

    def _of_response(self, response: Sequence[Message], whole: str, answers: Sequence[Answer]) -> Iterator[str]:
        for answer in answers:
            yield from self._of_answer(response[answer.message], whole[answer.start : answer.end])
        others = [message for message in response if message["role"] != "assistant"]
        if others:
            given = _UserTexts()
            for message in others:
                given.add_message(message, "responses")
            for name in given.missing_from(whole[answers[0].start :]):
                yield finding_key(Kind.DROPPED, name)
            yield finding_key(Kind.OTHER_SPEAKERS, ", ".join(sorted({message["role"] for message in others})))

    def _unread_numbers(self, messages: Sequence[Message], conversation: Conversation, where: str) -> Iterator[str]:
        """Name the keys with a number or a truth value, such as ``weight``, that the template does not mention."""
        for message in messages:
            for key, value in message.items():
                if isinstance(value, bool | int | float):
                    source = self._template.source(conversation.template_inputs)
                    if not re.search(rf"\b{re.escape(key)}\b", source):
                        yield finding_key(Kind.DROPPED, f"'{key}' of {message['role']} messages in {where}")

    def _of_answer(self, message: Message, text: str) -> Iterator[str]:
        content: str = message["content"] or ""
        if len(message) == 2 and text.startswith(content) and text[len(content) :] in self._ends:  # noqa: PLR2004
            return  # role and content alone, and an end that was looked at before
        place = find_text(content.strip(), text)
        if place is None:
            yield finding_key(Kind.UNLEARNED, "'content' of assistant messages in responses")
            return
        start, end = place
        around = f"{text[:start]}\0{text[end:]}"
        given = _UserTexts()
        for key, value in message.items():
            if key not in {"role", "content"}:
                given.add(key, " of assistant messages in responses", value)
        missing = given.missing_from(around)
        for name in missing:
            yield finding_key(Kind.DROPPED, name)
        learned = given.names_found
        for key in learned:
            yield finding_key(Kind.UNSCORED, f"'{key}'")
        added = self._special.sub("", around).strip("\0 \n\t")
        if added and not learned:
            yield finding_key(Kind.ADDED_TO_ANSWERS, _shown(added))
        elif not given.texts and not text[:start]:
            self._ends.add(text[end:])

    def _text_of_template(self, conversation: Conversation, prompt: str, given: _UserTexts) -> str | None:
        """Return words that the template writes into prompts by itself; looked for once per kind of row."""
        inputs = conversation.template_inputs
        first = conversation.prompt[0]["role"] if conversation.prompt else ""
        switches = {name: value for name, value in inputs.items() if name not in {"tools", "documents"}}
        shape = json.dumps([first, bool(inputs.get("tools")), bool(inputs.get("documents")), switches], default=str)
        if shape not in self._own_text:
            rest = prompt
            for text in sorted(given.texts, key=len, reverse=True):
                rest = rest.replace(text, "\0")
            rest = _JSON_KEY.sub("\0", self._control.sub("\0", rest))
            parts = rest.split("\0")
            lines = (line for part in parts for line in part.splitlines())
            self._own_text[shape] = next((line for line in lines if len(_WORD.findall(line)) >= _WORDS_OF_A_TEXT), None)
        return self._own_text[shape]


class _UserTexts:
    """Texts that the user gave, by what they are called in a finding."""

    def __init__(self) -> None:
        self.texts = list[str]()
        self.names_found = list[str]()
        self._names = list[tuple[str, str, str]]()

    def add_message(self, message: Message, where: str) -> None:
        """Add all texts of a message but its role."""
        suffix = f" of {message['role']} messages in {where}"
        for key, value in message.items():
            if key != "role":
                self.add(key, suffix, value)

    def add(self, key: str, suffix: str, value: object) -> None:
        """Add all texts of a value."""
        for part, text in _texts_of(value, ()):
            stripped = text.strip()
            if stripped:
                self.texts.append(stripped)
                self._names.append((key, part, suffix))

    def missing_from(self, rendered: str) -> list[str]:
        """Return the names of what is not in a text; a key of which something is there is named with its part."""
        if not self.texts:
            return []
        everything = "\0".join(self.texts)
        if all(_is_there(text, rendered, everything) for text in self.texts):
            self.names_found = list(dict.fromkeys(key for key, _, _ in self._names))
            return []
        there = self._found_in(rendered)
        partly = {(key, suffix) for place, (key, _, suffix) in enumerate(self._names) if place in there}
        self.names_found = list(dict.fromkeys(key for key, _ in partly))
        names = (
            f"'{key}.{part}'{suffix}" if part and (key, suffix) in partly else f"'{key}'{suffix}"
            for place, (key, part, suffix) in enumerate(self._names)
            if place not in there
        )
        return list(dict.fromkeys(names))

    def _found_in(self, rendered: str) -> set[int]:
        """Return which texts are there; a short one must be there besides those in the longer ones."""
        squeezed, found, pool = without_blanks(rendered), set[int](), ""
        for place in sorted(range(len(self.texts)), key=lambda place: -len(self.texts[place])):
            text = self.texts[place]
            needed = 1 if len(text) >= _SHORT else 1 + pool.count(text)
            forms = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1])
            if any(squeezed.count(without_blanks(form)) >= needed for form in dict.fromkeys(forms)):
                found.add(place)
                pool += f"\0{text}"
        return found


def _is_there(text: str, rendered: str, everything: str) -> bool:
    if len(text) >= _SHORT:
        return text in rendered
    return rendered.count(text) >= everything.count(text)


def _texts_of(value: object, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield every text in a value, with the key on the second level that it stands under."""
    if isinstance(value, str):
        if not path or path[-1] not in _KINDS_OF_OBJECTS or len(path) > 1:
            yield (path[0] if path else "", value)
    elif isinstance(value, dict):
        members: Mapping[str, Any] = value
        for key, item in members.items():
            yield from _texts_of(item, (*path, key))
    elif isinstance(value, list):
        items: Sequence[Any] = value
        for item in items:
            yield from _texts_of(item, path)


def _shown(text: str) -> str:
    text = text.strip("\0")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…").replace("\\x00", "…")
