"""How often does a judge prefer the model's answers?"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import ContentCache, default_cache_dir
from upo_sdk.errors import CancelledError, JudgeError
from upo_sdk.evaluation.judge.asking import Asked, QuestionJudge, ask
from upo_sdk.evaluation.judge.check import check_judge
from upo_sdk.evaluation.judge.questions import Pair, outcome, questions
from upo_sdk.evaluation.judge.summary import Found, failures_of, position_bias, remarks_on, summarize
from upo_sdk.evaluation.judge.template import read_template
from upo_sdk.events import Notice, Progress, emit
from upo_sdk.http.address import is_in_the_clear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.evaluation.judge.schema import WinRate
    from upo_sdk.evaluation.judge.verdict import Verdict
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plugin.registry import Registry

__all__ = ["judge_answers"]


def judge_answers(  # noqa: PLR0913 - the last five have defaults
    prompts: Sequence[str],
    answers: Sequence[str],
    baseline_answers: Sequence[str],
    config: JudgeConfig,
    *,
    cache: ContentCache | None = None,
    callbacks: Sequence[Callback] = (),
    cancel: CancelToken | None = None,
    registry: Registry | None = None,
    device: str | None = None,
) -> WinRate:
    """Compare answers pair by pair.

    An instruction model, here or behind an endpoint, is asked twice about each pair, with the order swapped. A reward
    model rates each answer. Equal answers are a tie that nobody is asked about. Verdicts are kept as they come: after
    an interrupt, a kill, or the death of the endpoint the same call goes on where it was.

    Args:
        prompts: One for each pair; several answers to one prompt repeat it.
        answers: Of the model.
        baseline_answers: What they are compared with.
        config: Who judges.
        cache: Where verdicts are kept; by default the user's cache.
        callbacks: Receive progress and notices, in this thread.
        cancel: Once set, no further question is asked.
        registry: Loaded plugins, for a reward model.
        device: Where a local model computes; by default the first GPU, else the CPU.

    Raises:
        ValueError: The three have different lengths.
        ConfigError: The template or the key's variable cannot be used.
        ModelError: A local model cannot be loaded.
        JudgeError: The endpoint refuses every question, or answered none of the first ones.
        CancelledError: The caller asked to stop.
    """
    check_judge(config, registry)
    pairs = [Pair(*texts) for texts in zip(prompts, answers, baseline_answers, strict=True)]
    work = _Work(
        pairs=pairs,
        config=config,
        cache=cache or ContentCache(default_cache_dir() / "cache.sqlite"),
        callbacks=tuple(callbacks),
        cancel=cancel,
    )
    started = perf_counter()
    found = _rated(work, registry, device or _device()) if config.kind == "reward-model" else _asked(work, device)
    return summarize(pairs, config, found, seconds=perf_counter() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    pairs: list[Pair]
    config: JudgeConfig
    cache: ContentCache
    callbacks: tuple[Callback, ...]
    cancel: CancelToken | None

    def different(self) -> list[int]:
        return [position for position, pair in enumerate(self.pairs) if not pair.identical]

    def notice(self, text: str) -> None:
        emit(self.callbacks, Notice("warning", text))

    def progress(self, unit: str) -> Callable[[int, int], None]:
        return lambda done, total: emit(self.callbacks, Progress("judging", done, total, unit))


def _rated(work: _Work, registry: Registry | None, device: str) -> Found:
    from upo_sdk.evaluation.judge.reward_model import reward_outcomes

    different = work.different()
    show = work.progress("answers")

    def on_progress(done: int, total: int) -> None:
        show(done, total)
        if work.cancel is not None and work.cancel.is_set() and done < total:
            raise CancelledError(
                f"judging was stopped after {done:,} of {total:,} answers",
                fix="run the same command again to resume: their rewards are kept",
            )

    score_N = np.full(len(work.pairs), 0.5)
    if different:
        chosen = [work.pairs[position] for position in different]
        score_N[different] = reward_outcomes(
            chosen, work.config, work.cache, device=device, registry=registry, on_progress=on_progress
        )
    return Found(score_N=score_N, requests=2 * len(different))


def _asked(work: _Work, device: str | None) -> Found:
    template, different = read_template(work.config.template), work.different()
    texts = [text for position in different for text in questions(template, work.pairs[position])]
    with closing(_question_judge(work, device)) as judge:
        asked = ask(judge, texts, work.cache, cancel=work.cancel, on_progress=work.progress("questions"))
        requests = judge.requests
    straight, swapped = asked.replies[0::2], asked.replies[1::2]
    score_N = np.full(len(work.pairs), 0.5)
    for position, *both in zip(different, straight, swapped, strict=True):
        verdicts: list[Verdict] = [reply.verdict for reply in both if reply.verdict]
        score_N[position] = outcome(verdicts) if len(verdicts) == len(both) else float("nan")
    _check_answers(work, asked)
    return Found(
        score_N=score_N,
        requests=requests,
        cached=asked.cached,
        template=template,
        position=position_bias(straight, swapped),
        failures=failures_of(straight, swapped),
        new=asked.new,
        remarks=remarks_on(asked),
    )


def _question_judge(work: _Work, device: str | None) -> QuestionJudge:
    config = work.config
    if config.kind == "language-model":
        from upo_sdk.evaluation.judge.language_model import LanguageModelJudge

        local = LanguageModelJudge(config, device or _device())
        if not local.has_chat_template:
            work.notice(f"{config.target} has no chat template: it may never have learnt to follow such a question")
        return local
    from upo_sdk.evaluation.judge.chat import ChatJudge

    if config.key_env and is_in_the_clear(config.url):
        work.notice(f"the judge's key and all texts travel unencrypted to {config.target}: https would hide them")
    return ChatJudge(config)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_answers(work: _Work, asked: Asked) -> None:
    """Say that a judge went silent; without a single verdict there is nothing to say besides."""
    if not asked.stopped:
        return
    judged = sum(reply.verdict is not None for reply in asked.replies)
    if not judged and not any(reply.failure == "no verdict" or reply.last for reply in asked.new):
        raise JudgeError(
            asked.stopped,
            where=work.config.target,
            fix="see that it runs and takes what is sent (parameters adds and leaves out fields), then run this again",
        )
    work.notice(
        f"judging ended after {judged:,} of {len(asked.replies):,} questions: {asked.stopped}; "
        "run the same command again to resume"
    )
