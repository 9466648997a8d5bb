"""How often does a judge prefer the model's answers?"""

from __future__ import annotations

from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import cache_in_use
from upo_sdk.config import ModelConfig, ObjectiveRef
from upo_sdk.context import RunContext
from upo_sdk.errors import JudgeError, ModelError
from upo_sdk.evaluation.judge.asking import Asked, QuestionJudge, ask
from upo_sdk.evaluation.judge.questions import Pair, outcome, questions, read_template
from upo_sdk.evaluation.judge.summary import Found, failures_of, position_bias, remarks_on, summarize
from upo_sdk.http.address import is_in_the_clear
from upo_sdk.http.key import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.cache import ContentCache
    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.evaluation.judge.verdict import Verdict
    from upo_sdk.events import Callback, CancelToken
    from upo_sdk.plugin.registry import Registry
    from upo_sdk.records import WinRate

__all__ = ["check_judge", "judge_answers", "judge_pairs"]


@cache_in_use()
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
    an interrupt, a kill, or an endpoint that went down, the same call resumes where it stopped.

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
    context = RunContext.of(callbacks, cancel, cache=cache, cancelled="judging was stopped")
    return judge_pairs(pairs, config, context, registry=registry, device=device)


def judge_pairs(
    pairs: Sequence[Pair],
    config: JudgeConfig,
    context: RunContext,
    *,
    registry: Registry | None = None,
    device: str | None = None,
) -> WinRate:
    """Compare answers pair by pair, as :func:`judge_answers` does, once the judge is checked."""
    started = perf_counter()
    if config.kind == "reward-model":
        found = _rated(pairs, config, context, registry, device or _device())
    else:
        found = _asked(pairs, config, context, device)
    return summarize(pairs, config, found, seconds=perf_counter() - started)


def _different(pairs: Sequence[Pair]) -> list[int]:
    return [position for position, pair in enumerate(pairs) if not pair.identical]


def _rated(
    pairs: Sequence[Pair], config: JudgeConfig, context: RunContext, registry: Registry | None, device: str
) -> Found:
    from upo_sdk.evaluation.judge.reward_model import reward_outcomes

    different, score_N = _different(pairs), np.full(len(pairs), 0.5)
    if different:
        score_N[different] = reward_outcomes(
            [pairs[position] for position in different],
            config,
            context.cache,
            device=device,
            registry=registry,
            on_progress=context.progress("judging", "answers"),
        )
    return Found(score_N=score_N, requests=2 * len(different))


def _asked(pairs: Sequence[Pair], config: JudgeConfig, context: RunContext, device: str | None) -> Found:
    template, different = read_template(config.template), _different(pairs)
    texts = [text for position in different for text in questions(template, pairs[position])]
    with closing(_question_judge(config, context, device)) as judge:
        asked = ask(judge, texts, context)
        requests = judge.requests
    straight, swapped = asked.replies[0::2], asked.replies[1::2]
    score_N = np.full(len(pairs), 0.5)
    for position, *both in zip(different, straight, swapped, strict=True):
        verdicts: list[Verdict] = [reply.verdict for reply in both if reply.verdict]
        score_N[position] = outcome(verdicts) if len(verdicts) == len(both) else float("nan")
    _check_answers(asked, config, context)
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


def _question_judge(config: JudgeConfig, context: RunContext, device: str | None) -> QuestionJudge:
    if config.kind == "language-model":
        from upo_sdk.evaluation.judge.language_model import LanguageModelJudge

        local = LanguageModelJudge(config, device or _device())
        if not local.has_chat_template:
            context.warn(f"{config.target} has no chat template: it may never have learnt to follow such a question")
        return local
    from upo_sdk.evaluation.judge.chat import ChatJudge

    if config.key_env and is_in_the_clear(config.url):
        context.warn(f"the judge's key and all texts travel unencrypted to {config.target}: https would hide them")
    return ChatJudge(config)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_answers(asked: Asked, config: JudgeConfig, context: RunContext) -> None:
    """Warn that a judge stopped answering; raise if there is not a single verdict."""
    if not asked.stopped:
        return
    judged = sum(reply.verdict is not None for reply in asked.replies)
    if not judged and not any(reply.failure == "no verdict" or reply.last for reply in asked.new):
        raise JudgeError(
            asked.stopped,
            where=config.target,
            fix="check that it runs and accepts the request (parameters adds and removes fields), then run this again",
        )
    context.warn(
        f"judging ended after {judged:,} of {len(asked.replies):,} questions: {asked.stopped}; "
        "run the same command again to resume"
    )


def check_judge(config: JudgeConfig, registry: Registry | None = None) -> None:
    """Check the template, the key's variable, the options of a reward model, and that a language model exists.

    Nothing is sent, and no weights are loaded.

    Args:
        config: The judge.
        registry: Loaded plugins, for a reward model; by default the built-ins.

    Raises:
        ConfigError: The template, the variable or an option cannot be used.
        ModelError: There is no such language model.
    """
    read_template(config.template)
    match config.kind:
        case "endpoint":
            Key.from_environment(config.key_env, where="`judge.key_env`")
        case "reward-model":
            _check_reward_model(config.target, registry)
        case "language-model":
            _check_language_model(config.target)


def _check_reward_model(target: str, registry: Registry | None) -> None:
    from upo_sdk.plugin.build import check_options
    from upo_sdk.plugin.registry import load_registry

    check_options(ObjectiveRef.model_validate(target), registry or load_registry())


def _check_language_model(target: str) -> None:
    from upo_sdk.policy.loading import load_model_config

    try:
        load_model_config(ModelConfig(path=target.removeprefix("lm:")))
    except ModelError as error:
        fix = "check the folder or hub name: `judge.target=lm:MODEL` takes a causal language model"
        raise type(error)(error.what, where=target, fix=fix) from error
