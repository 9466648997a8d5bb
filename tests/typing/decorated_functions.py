"""What a type checker sees of decorated functions; checked, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from upo_sdk.objectives import auxiliary_objective

if TYPE_CHECKING:
    from collections.abc import Sequence


@auxiliary_objective
def polite(prompt: str, response: str, *, word: str = "please") -> float:
    return float(word in prompt + response)


@auxiliary_objective(batched=True)
def short(prompts: Sequence[str], responses: Sequence[str], *, words: int = 20) -> list[float]:
    return [float(len(response.split()) <= words) for _, response in zip(prompts, responses, strict=True)]


@auxiliary_objective()
def plain(prompt: str, response: str) -> float:
    return float(len(response) - len(prompt))


assert_type(polite("a", response="b", word="c"), float)
assert_type(short(["a"], ["b"], words=3), list[float])
assert_type(plain("a", "b"), float)

polite("a", "b", wrod="c")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
short("a", "b", words="many")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@auxiliary_objective  # type: ignore[type-var] # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def text(prompt: str, response: str) -> str:
    return prompt + response


@auxiliary_objective(batched=True)  # type: ignore[type-var] # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
def one(prompt: str, response: str) -> float:
    return float(len(prompt + response))
