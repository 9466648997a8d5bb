"""A local instruction model as a judge: which of A, B and tie does it find likeliest as the next token?"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from upo_sdk.config import ModelConfig
from upo_sdk.data.chat_template import ChatTemplate
from upo_sdk.data.problems import RowError
from upo_sdk.errors import ModelError
from upo_sdk.evaluation.judge.questions import Reply
from upo_sdk.policy.fingerprint import weights_sha256
from upo_sdk.policy.generate import generate
from upo_sdk.policy.loading import load_language_model, load_tokenizer
from upo_sdk.policy.positions import positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from threading import Event

    from torch import Tensor

    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.evaluation.judge.verdict import Verdict

__all__ = ["LanguageModelJudge"]

_OTHER_TEMPLATE = "correct the template of its tokenizer, or take another judge"
_SPELLINGS: dict[Verdict, tuple[str, ...]] = {
    "first": ("A", " A"),
    "second": ("B", " B"),
    "tie": ("tie", " tie", "Tie", " Tie"),
}


class LanguageModelJudge:
    """Reads the probabilities of the next token; nothing is generated and nothing is random.

    Args:
        config: Which model, in which precision, and what difference of log-probs is a tie.
        device: Where it computes.

    Raises:
        ModelError: It cannot be loaded, or its tokenizer has no token for A or B.
        OfflineError: It would have to be downloaded, and the network is out of reach.
    """

    def __init__(self, config: JudgeConfig, device: str) -> None:
        self.config = config
        self.requests = 0
        self.stopped = ""
        source = ModelConfig(path=config.target.removeprefix("lm:"), dtype=config.dtype)
        self._tokenizer: Any = load_tokenizer(source)
        lm: Any = load_language_model(source)
        self._lm: Any = lm.to(device)
        self._tokens = _answer_tokens(self._tokenizer, config.target)
        self._template = _working_template(self._tokenizer, config.target) if self.has_chat_template else None
        self.identity = {
            "weights_sha256": weights_sha256(self._lm),
            "tokenizer_sha256": _tokenizer_sha256(self._tokenizer),
            "threshold": config.threshold,
        }

    @property
    def has_chat_template(self) -> bool:
        """Whether it was taught to follow instructions in a format that its tokenizer knows."""
        return bool(self._tokenizer.chat_template)

    def close(self) -> None:
        """Release the model."""
        self._lm = None

    def replies(self, questions: Sequence[str], stop: Event) -> Iterator[dict[int, Reply]]:
        """Yield replies batch by batch, short questions first; what is longer than the model's context fails."""
        ids = [self._encoded(question) for question in questions]
        limit = positions(self._lm.config) or math.inf
        long = {position for position, tokens in enumerate(ids) if len(tokens) >= limit}
        if long:
            yield {position: _too_long(len(ids[position]), limit) for position in long}
        order = sorted(set(range(len(ids))) - long, key=lambda position: len(ids[position]))
        for start in range(0, len(order), self.config.batch_size):
            if stop.is_set():
                return
            batch = order[start : start + self.config.batch_size]
            logps_BV = self._next_token([ids[position] for position in batch])
            self.requests += len(batch)
            yield {
                position: self._reply(logps_V, len(ids[position]))
                for position, logps_V in zip(batch, logps_BV, strict=True)
            }

    def _encoded(self, question: str) -> list[int]:
        tokenizer = self._tokenizer
        if self._template is None:
            return list(tokenizer(question.rstrip() + "\n\nReply: ", verbose=False)["input_ids"])
        text = _asked(self._template, question, self.config.target)
        return list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _next_token(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-probs of the next token, shape [B, V]."""
        output = generate(
            self._lm, self._tokenizer, ids, max_new_tokens=1, output_logits=True, return_dict_in_generate=True
        )
        logps: Tensor = output.logits[0].float().log_softmax(-1).cpu()
        return logps

    def _reply(self, logps_V: Tensor, tokens: int) -> Reply:
        logps: dict[Verdict, float] = {
            verdict: float(logps_V[ids].logsumexp(0)) for verdict, ids in self._tokens.items()
        }
        return Reply(
            verdict=decide(logps, self.config.threshold),
            prompt_tokens=tokens,
            completion_tokens=0,
            mass=sum(math.exp(logp) for logp in logps.values()),
        )


def _working_template(tokenizer: Any, where: str) -> ChatTemplate:
    """Return the template that questions go through, after it has written one."""
    try:
        template = ChatTemplate(tokenizer)
    except ModelError as error:
        raise ModelError(error.what, where=where, fix="take a judge whose tokenizer has one chat template") from error
    if not _asked(template, "Hello", where).strip():
        raise ModelError("its chat template writes nothing", where=where, fix=_OTHER_TEMPLATE)
    return template


def _asked(template: ChatTemplate, question: str, where: str) -> str:
    messages = [{"role": "user", "content": question}]
    try:
        return template.render(messages, {"enable_thinking": False}, add_generation_prompt=True)
    except RowError as error:
        what = error.reason.replace(" them", " a question", 1)
        raise ModelError(what, where=where, fix=_OTHER_TEMPLATE) from error


def decide(logps: Mapping[Verdict, float], threshold: float) -> Verdict:
    """Return the likeliest verdict; a tie also if A and B are within ``threshold`` nats of each other."""
    first, second = logps["first"], logps["second"]
    if abs(first - second) <= threshold or logps.get("tie", float("-inf")) > max(first, second):
        return "tie"
    return "first" if first > second else "second"


def _answer_tokens(tokenizer: Any, where: str) -> dict[Verdict, list[int]]:
    """Return the tokens with which each verdict may begin; where ``tie`` takes several, ties show in A and B alone."""
    found: dict[Verdict, list[int]] = {}
    for verdict, spellings in _SPELLINGS.items():
        encoded = [tokenizer(spelling, add_special_tokens=False)["input_ids"] for spelling in spellings]
        ids = sorted({int(tokens[0]) for tokens in encoded if len(tokens) == 1} - {tokenizer.unk_token_id})
        if not ids and verdict != "tie":
            raise ModelError(
                f"its tokenizer has no token for '{spellings[0]}'", where=where, fix="use another model as the judge"
            )
        if ids:
            found[verdict] = ids
    return found


def _tokenizer_sha256(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    written = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    return hashlib.sha256(f"{tokenizer.chat_template}\0{written}".encode("utf-8", "surrogatepass")).hexdigest()


def _too_long(tokens: int, limit: float) -> Reply:
    return Reply(
        failure="too long for the judge",
        example=f"a question of {tokens:,} tokens, and the judge has {limit:,.0f} positions",
    )
