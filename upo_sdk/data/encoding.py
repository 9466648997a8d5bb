"""One row as token ids, before any truncation: chat template, boundary between prompt and response, BOS and EOS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from upo_sdk.data.messages import CONVERSATION_COLUMNS, load_conversation
from upo_sdk.data.problems import RowError
from upo_sdk.data.text_encoder import Ids, TextEncoder
from upo_sdk.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.messages import Message

__all__ = ["Encoded", "Encoder"]

_TEMPLATE_TAIL = 4
"""Tokens behind EOS that may be the blank end of a chat template's turn."""


class Encoded(NamedTuple):
    """Token ids of one row.

    Attributes:
        prompt: At least one token, the same for all responses.
        responses: At least one token each; the last one is EOS if the tokenizer has one.
        token_counts: Tokens per response without the final EOS.
    """

    prompt: Ids
    responses: list[Ids]
    token_counts: list[int]


class Encoder:
    """Turns normalised rows into token ids.

    Args:
        tokenizer: The policy's.
        conversational: Whether rows are messages, which go through the chat template.

    Raises:
        ModelError: Rows are messages and the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, conversational: bool) -> None:
        if conversational and not tokenizer.chat_template:
            raise ModelError(
                "the data are conversations and the tokenizer has no chat template",
                where=tokenizer.name_or_path or "tokenizer",
                fix="use an instruction-tuned model's tokenizer, or data with texts instead of messages",
            )
        self.bos = _token_id(tokenizer.bos_token_id)
        self.eos = _token_id(tokenizer.eos_token_id)
        self._tokenizer = tokenizer
        self._conversational = conversational
        self._blank_tails = dict[tuple[int, ...], bool]()
        # A chat template writes special tokens itself.
        self._texts = TextEncoder(tokenizer, add_special_tokens=not conversational)
        self.columns = CONVERSATION_COLUMNS if conversational else ("prompt", "responses")

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> list[Encoded | RowError]:
        """Return the token ids of every row, or why it has none."""
        rendered = [self._render(row) for row in rows]
        encoded = iter(self._texts.encode([texts for texts in rendered if isinstance(texts, list)]))
        return [texts if isinstance(texts, RowError) else self._assemble(next(encoded)) for texts in rendered]

    def _render(self, row: Mapping[str, Any]) -> list[str] | RowError:
        """Return the prompt's text, then prompt and response as one text for each response."""
        if not self._conversational:
            return [row["prompt"], *(row["prompt"] + response for response in row["responses"])]
        import jinja2

        prompt, responses, inputs = load_conversation(row)
        try:
            return [
                self._apply_template(prompt, inputs, add_generation_prompt=True),
                *(self._apply_template(prompt + response, inputs) for response in responses),
            ]
        except jinja2.TemplateError as error:
            return RowError("messages", f"the tokenizer's chat template refuses them: {error}")

    def _apply_template(
        self, messages: list[Message], inputs: Mapping[str, Any], *, add_generation_prompt: bool = False
    ) -> str:
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt, **inputs
        )
        assert isinstance(text, str)  # noqa: S101 - what tokenize=False promises
        return text

    def _with_single_bos(self, ids: Ids) -> Ids:
        doubled = 0
        while ids[doubled : doubled + 2] == [self.bos, self.bos]:
            doubled += 1
        return ids[doubled:]

    def _assemble(self, texts: list[Ids]) -> Encoded | RowError:
        encoded = [self._with_single_bos(ids) for ids in texts]
        wholes = encoded[1:]
        end = _common_length(encoded)
        prompt, responses = encoded[0][:end], [self._with_single_eos(whole[end:]) for whole in wholes]
        if not prompt:
            stand_in = self.eos if self.bos is None else self.bos
            if stand_in is None:
                return RowError("prompt", "has no tokens, and the tokenizer has neither BOS nor EOS to stand in")
            prompt = [stand_in]
        if not all(responses):
            return RowError("responses", "one has no tokens")
        return Encoded(prompt, responses, [len(response) - (self.eos is not None) for response in responses])

    def _with_single_eos(self, response: Ids) -> Ids:
        if self.eos is None:
            return response
        for at in range(len(response) - 1, max(-1, len(response) - 1 - _TEMPLATE_TAIL), -1):
            if response[at] == self.eos and self._is_blank(response[at + 1 :]):
                response = response[:at]
        return [*response, self.eos]

    def _is_blank(self, tail: Ids) -> bool:
        key = tuple(tail)
        if key not in self._blank_tails:
            rest = [token for token in tail if token != self.eos]
            self._blank_tails[key] = not rest or not str(self._tokenizer.decode(rest)).strip()
        return self._blank_tails[key]


def _token_id(found: object) -> int | None:
    return found if isinstance(found, int) else None


def _common_length(sequences: list[Ids]) -> int:
    """Return how many leading tokens all sequences share."""
    first, *others = sequences
    end = len(first)
    for other in others:
        if other[:end] != first[:end]:
            end = next(at for at, (a, b) in enumerate(zip(first, [*other, None], strict=False)) if a != b)
    return end
