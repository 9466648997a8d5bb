"""The demo's world with answers of 17 or 70 tokens, and the demo's model taught to write both."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Literal

import torch

from scripts.demo_world import (
    CLOSERS,
    CONFLICTS_EVERY,
    EXTENSIONS,
    Prompt,
    Traits,
    all_prompts,
    sample_traits,
    write_response,
)
from upo_sdk.config import ModelConfig
from upo_sdk.demo import demo_model_path
from upo_sdk.demo.grammar import is_rude
from upo_sdk.policy import load_language_model, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["IS_LONG", "TRAIN_PAIRS", "Lengths", "make_base_model", "make_data"]

Lengths = Literal["short", "long", "mixed"]

IS_LONG = 35
"""Tokens; no short answer of the grammar has as many, and no long one as few."""

TRAIN_PAIRS, HELD_OUT_PAIRS = 1600, 200
TEACHING_STEPS, DIALOGUES_PER_STEP = 120, 32


def make_data(folder: Path, lengths: Lengths, seed: int = 0) -> tuple[Path, Path]:
    """Write training pairs, and held-out pairs whose label does not like the ruder answer; return both files.

    As in the demo, a quarter of the training labels likes the rude answer. The column ``reward/toxicity`` says exactly
    whether an answer is polite, so that no scorer treats long answers otherwise than short ones.
    """
    rng, prompts = Random(seed), all_prompts()  # noqa: S311 - data, not secrets
    kept = rng.sample([prompt for prompt in prompts if prompt.held_out], HELD_OUT_PAIRS)
    used = rng.sample([prompt for prompt in prompts if not prompt.held_out], TRAIN_PAIRS)
    train = [_pair(rng, prompt, lengths, conflict=n % CONFLICTS_EVERY == 0) for n, prompt in enumerate(used)]
    held_out = [_pair(rng, prompt, lengths, conflict=False) for prompt in kept]
    return _write(folder / f"{lengths}.jsonl.gz", train), _write(folder / f"{lengths}-held-out.jsonl.gz", held_out)


def make_base_model(folder: Path) -> Path:
    """Train the demo's model a little further on answers of both lengths, and return where it is."""
    config = ModelConfig(path=str(demo_model_path()))
    lm, tokenizer = load_language_model(config), load_tokenizer(config)
    rng, prompts = Random(1), all_prompts()  # noqa: S311 - data, not secrets
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(lm.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=TEACHING_STEPS, pct_start=0.1)
    for _ in range(TEACHING_STEPS):
        texts = [_dialogue(rng, rng.choice(prompts)) + tokenizer.eos_token for _ in range(DIALOGUES_PER_STEP)]
        encoded = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
        mask = encoded["attention_mask"]
        labels = encoded["input_ids"].masked_fill(mask == 0, -100)
        loss = lm(input_ids=encoded["input_ids"], attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lm.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    print(f"base model: {loss.item():.3f} nats per token in its last batch", flush=True)
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _dialogue(rng: Random, prompt: Prompt) -> str:
    return prompt.text + _answer(rng, prompt, sample_traits(rng))


def _answer(rng: Random, prompt: Prompt, traits: Traits) -> str:
    text = write_response(rng, prompt.topic, replace(traits, long=False))
    if not traits.long:
        return text
    sentences = [sentence for group in EXTENSIONS.values() for sentence in group]
    closer = rng.choice(CLOSERS["rude" if traits.rude else "polite"][traits.level])
    return text + "".join(
        f" {sentence[0].upper()}{sentence[1:]}." for sentence in (*rng.sample(sentences, len(sentences)), closer)
    )


def _pair(rng: Random, prompt: Prompt, lengths: Lengths, *, conflict: bool) -> dict[str, object]:
    first, second = sample_traits(rng), sample_traits(rng)
    if lengths != "mixed":
        first, second = (replace(traits, long=lengths == "long") for traits in (first, second))
    if conflict:
        chosen, rejected = replace(first, rude=True), replace(second, helpful=first.helpful, rude=False)
    else:
        chosen, rejected = replace(first, helpful=True), replace(second, helpful=False, rude=first.rude)
    answers = [_answer(rng, prompt, traits) for traits in (chosen, rejected)]
    politeness = [float(not is_rude(answer)) for answer in answers]
    return {"prompt": prompt.text, "chosen": answers[0], "rejected": answers[1], "reward/toxicity": politeness}


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path
