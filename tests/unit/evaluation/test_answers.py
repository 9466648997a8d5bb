"""Sampling: the right distribution, the same in every batch, never twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import pytest
import torch

from upo_sdk.cache import ContentCache
from upo_sdk.config import ModelConfig
from upo_sdk.demo import demo_model_path
from upo_sdk.evaluation import answers as module
from upo_sdk.evaluation.answers import Prompt, distinct_prompts, sample_answers
from upo_sdk.evaluation.generation import Draw, Sampling, _Chooser, generate_ids
from upo_sdk.policy import load_language_model, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "Customer: Hi, my printer eats the paper. What can I do?\nAgent:",
    "Customer: My camera shows no picture. I need it by tonight. Can you help?\nAgent:",
    "Customer: Hello?\nAgent:",
]


@pytest.fixture(scope="module")
def model() -> tuple[Any, Any]:
    config = ModelConfig(path=str(demo_model_path()))
    return load_language_model(config), load_tokenizer(config)


@pytest.fixture
def prompts(model: tuple[Any, Any]) -> list[Prompt]:
    return [Prompt(text=text, ids=model[1](text)["input_ids"]) for text in TEXTS]


def test_a_prompt_of_several_rows_is_answered_once() -> None:
    """Two equal prompts would be two equal answers, and an interval that takes them for two is too narrow."""
    rows = datasets.Dataset.from_dict({"prompt": list("abacb"), "prompt_ids": [[1], [2], [1], [3], [2]]})
    assert [(prompt.text, prompt.ids) for prompt in distinct_prompts(rows)] == [("a", [1]), ("b", [2]), ("c", [3])]
    assert [prompt.text for prompt in distinct_prompts(rows, 2)] == ["a", "b"]
    assert distinct_prompts(rows, 0) == []


def chosen(uniform: float, **settings: float) -> int:
    """Return the token that is chosen where .2, .5 and .3 are the probabilities of tokens 0, 1 and 2."""
    sampling = Sampling(max_new_tokens=1, **settings)  # type: ignore[arg-type]
    scores = torch.tensor([[0.2, 0.5, 0.3]]).log()
    return int(
        _Chooser(torch.tensor([[uniform]], dtype=torch.float64), 4, sampling)(torch.zeros(1, 4), scores).argmax()
    )


def test_a_number_chooses_its_token_the_most_likely_first() -> None:
    assert [chosen(uniform, top_p=1.0) for uniform in (0.0, 0.49, 0.51, 0.79, 0.81, 0.999)] == [1, 1, 2, 2, 0, 0]


def test_the_nucleus_is_renormalised() -> None:
    """.5 and .3 are kept, .8 in all: the border lies at .5/.8 = .625."""
    assert [chosen(uniform, top_p=0.7) for uniform in (0.62, 0.63, 0.999)] == [1, 2, 2]
    assert chosen(0.999, top_p=0.1) == 1  # the most likely token is always kept


def test_the_temperature_sharpens() -> None:
    """At ½ the probabilities are proportional to their squares: .25, .09, .04 of .38, so the first border is .658."""
    assert [chosen(uniform, temperature=0.5, top_p=1.0) for uniform in (0.65, 0.66)] == [1, 2]


def test_the_frequencies_of_sampled_tokens_are_the_model_s_probabilities(model: tuple[Any, Any]) -> None:
    lm, tokenizer = model
    prompt = tokenizer(TEXTS[2])["input_ids"]
    sampled = generate_ids(
        lm, tokenizer, [Draw(prompt, number) for number in range(2000)], Sampling(max_new_tokens=1, top_p=1.0)
    )
    with torch.no_grad():
        probabilities = lm(torch.tensor([prompt])).logits[0, -1].softmax(-1)
    likely = int(probabilities.argmax())
    expected = float(probabilities[likely])
    share = sum(ids == [likely] for ids in sampled) / 2000
    assert abs(share - expected) < 4 * (expected * (1 - expected) / 2000) ** 0.5


def test_neighbours_and_batch_size_change_no_answer(
    model: tuple[Any, Any], prompts: list[Prompt], tmp_path: Path
) -> None:
    lm, tokenizer = model
    sampling = Sampling(max_new_tokens=24, seed=1, num_samples=2)
    found = [
        sample_answers(
            lm, tokenizer, prompts, sampling, ContentCache(tmp_path / f"{size}.sqlite"), weights="w", batch_size=size
        )
        for size in (1, 6)
    ]
    assert found[0].ids == found[1].ids
    assert len({tuple(ids) for ids in found[0].ids}) == 6


def test_more_samples_leave_the_first_ones_and_another_seed_leaves_none(
    model: tuple[Any, Any], prompts: list[Prompt], tmp_path: Path
) -> None:
    cache = ContentCache(tmp_path / "c.sqlite")

    def answers(**settings: int) -> list[str]:
        sampling = Sampling(max_new_tokens=16, **settings)  # type: ignore[arg-type]
        return sample_answers(*model, prompts, sampling, cache, weights="w").texts

    assert answers(num_samples=2)[::2] == answers(num_samples=1)
    assert set(answers(seed=1)).isdisjoint(answers(seed=0))


def test_what_was_sampled_is_not_sampled_again_and_a_kill_loses_one_batch(
    model: tuple[Any, Any], prompts: list[Prompt], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = list[int]()

    def counted(lm: Any, tokenizer: Any, draws: list[Draw], sampling: Sampling) -> list[list[int]]:
        sizes.append(len(draws))
        return generate_ids(lm, tokenizer, draws, sampling)

    monkeypatch.setattr(module, "generate_ids", counted)
    cache, sampling = ContentCache(tmp_path / "c.sqlite"), Sampling(max_new_tokens=8, num_samples=2)

    def sample(on_progress: Any = lambda _done, _total: None, into: ContentCache = cache) -> list[Any]:
        found = sample_answers(*model, prompts, sampling, into, weights="w", batch_size=4, on_progress=on_progress)
        return list(found.ids)

    def kill(done: int, _total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(kill)
    resumed = sample()
    assert sizes == [4, 2]
    assert sample() == resumed
    assert sizes == [4, 2]
    assert sample(into=ContentCache(tmp_path / "other.sqlite")) == resumed


def test_an_answer_ends_with_its_first_end_token(model: tuple[Any, Any], prompts: list[Prompt], tmp_path: Path) -> None:
    lm, tokenizer = model
    cache = ContentCache(tmp_path / "c.sqlite")
    found = sample_answers(lm, tokenizer, prompts, Sampling(max_new_tokens=64), cache, weights="w")
    assert all(found.finished)
    assert [ids.count(tokenizer.eos_token_id) for ids in found.ids] == [1, 1, 1]
    short = sample_answers(lm, tokenizer, prompts, Sampling(max_new_tokens=3), cache, weights="w")
    assert short.finished == [False, False, False]
    assert [len(ids) for ids in short.ids] == [3, 3, 3]


def test_the_random_state_of_the_process_is_left_alone(
    model: tuple[Any, Any], prompts: list[Prompt], tmp_path: Path
) -> None:
    before = torch.get_rng_state()
    sample_answers(
        *model, prompts, Sampling(max_new_tokens=4), ContentCache(tmp_path / "c.sqlite"), weights="w", batch_size=2
    )
    assert torch.equal(before, torch.get_rng_state())
