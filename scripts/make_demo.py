"""Make the demo's data and its small language model: ``python scripts/make_demo.py`` (about six minutes on two cores).

Everything comes from ``demo_world.py`` and one seed; no text from elsewhere is used.
"""

from __future__ import annotations

import argparse
import gzip
import json
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from scripts.demo_world import all_prompts, make_pairs, sample_dialogue
from upo_sdk.demo.grammar import is_helpful, is_rude

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from scripts.demo_world import Pair, Prompt

ASSETS = Path(__file__).parent.parent / "upo_sdk" / "demo" / "assets"
SEED = 0
VOCABULARY = 1400
TOKENIZER_DIALOGUES = 20_000
PRETRAINING_STEPS = 600
DIALOGUES_PER_STEP = 64
PEAK_LEARNING_RATE = 2e-3
WARM_UP_STEPS = 50
SAMPLES = 1000
END, PAD = "<|end|>", "<|pad|>"
# Plain prompts need no template; this one lets a conversation be given as messages.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}Customer: {{ message['content'] | trim }}\nAgent:"
    "{% elif message['role'] == 'assistant' %} {{ message['content'] | trim }}{{ eos_token }}"
    "{% endif %}{% endfor %}"
)


def main() -> None:
    """Write ``assets/data``, ``assets/model`` and ``assets/README.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ASSETS, help="where to write")
    parser.add_argument("--steps", type=int, default=PRETRAINING_STEPS, help="optimizer steps of the language model")
    arguments = parser.parse_args()
    output: Path = arguments.output
    train, held_out = make_pairs(SEED)
    write_pairs(output / "data" / "train.jsonl.gz", train)
    write_pairs(output / "data" / "held_out.jsonl.gz", held_out)
    prompts = [prompt for prompt in all_prompts() if not prompt.held_out]
    tokenizer = train_tokenizer(prompts)
    model = train_model(tokenizer, prompts, arguments.steps)
    save(model, tokenizer, output / "model")
    write_readme(output, tokenizer, [pair.prompt for pair in held_out])


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Write gzipped JSON lines with no time stamp, so that the same pairs give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(asdict(pair)) + "\n" for pair in pairs)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def train_tokenizer(prompts: Sequence[Prompt]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE, which round-trips any text."""
    rng = Random(SEED)  # noqa: S311 - data, not secrets
    dialogues = (sample_dialogue(rng, prompts) for _ in range(TOKENIZER_DIALOGUES))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((dialogue.prompt + dialogue.response for dialogue in dialogues), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return an untrained Llama of about two million parameters."""
    torch.manual_seed(SEED)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=256,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def train_model(tokenizer: PreTrainedTokenizerFast, prompts: Sequence[Prompt], steps: int) -> LlamaForCausalLM:
    """Train on fresh dialogues whose four properties are independent."""
    model, rng = new_model(tokenizer), Random(SEED + 1)  # noqa: S311 - data, not secrets
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=steps, pct_start=min(0.5, WARM_UP_STEPS / steps)
    )
    for step in range(1, steps + 1):
        batch = dialogue_batch(tokenizer, rng, prompts)
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            print(f"step {step}: {loss.item():.3f} nats per token", flush=True)
    return model.eval()


def dialogue_batch(tokenizer: PreTrainedTokenizerFast, rng: Random, prompts: Sequence[Prompt]) -> dict[str, Tensor]:
    """Return token ids, mask and labels of some dialogues; padding is no target, the end of a response is."""
    dialogues = [sample_dialogue(rng, prompts) for _ in range(DIALOGUES_PER_STEP)]
    texts = [f"{dialogue.prompt}{dialogue.response}{END}" for dialogue in dialogues]
    encoded = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")
    mask = encoded["attention_mask"]
    return {
        "input_ids": encoded["input_ids"],
        "attention_mask": mask,
        "labels": encoded["input_ids"].masked_fill(mask == 0, -100),
    }


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Store half-precision weights under a config that says float32, so that loading gives a trainable model."""
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"dtype": "float32"}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_readme(output: Path, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str]) -> None:
    """Say what the assets are, how large they are and how the saved model behaves."""
    model = LlamaForCausalLM.from_pretrained(output / "model").eval()
    asked = [prompts[number % len(prompts)] for number in range(SAMPLES)]
    responses = generate(model, tokenizer, asked)
    rude = sum(map(is_rude, responses)) / SAMPLES
    helpful = sum(map(is_helpful, asked, responses)) / SAMPLES
    tokens = sum(len(tokenizer(response)["input_ids"]) for response in responses) / SAMPLES
    parameters = sum(parameter.numel() for parameter in model.parameters())
    megabytes = {
        name: sum(path.stat().st_size for path in (output / name).rglob("*")) / 1e6 for name in ("data", "model")
    }
    text = f"""# Assets of the demo

Made by `python scripts/make_demo.py` from the grammar in `upo_sdk/demo`, seed {SEED}; no outside text.

- `data/` ({megabytes["data"]:.2f} MB): `train.jsonl.gz` and `held_out.jsonl.gz` with the columns `prompt, chosen, rejected, conflict`.
  In a quarter of the pairs (`conflict`) the label likes the rude answer better; in the others, the helpful one.
- `model/` ({megabytes["model"]:.2f} MB): a Llama of {parameters / 1e6:.2f} million parameters and a byte-level BPE of {len(tokenizer)} tokens, trained
  from scratch on {PRETRAINING_STEPS} batches of {DIALOGUES_PER_STEP} dialogues; stored in float16, loaded in float32.

{SAMPLES} responses sampled on held-out prompts (top-p 0.95): {rude:.2f} are rude, {helpful:.2f} helpful; {tokens:.1f} tokens each.
"""  # noqa: E501 - the lines of the page, once filled in
    (output / "README.md").write_text(text)
    print(text)


@torch.inference_mode()
def generate(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str]) -> list[str]:
    """Sample one response to every prompt."""
    torch.manual_seed(SEED)
    encoded = tokenizer(list(prompts), padding=True, padding_side="left", return_tensors="pt")
    ids = model.generate(
        input_ids=encoded["input_ids"],
        attention_mask=encoded["attention_mask"],
        do_sample=True,
        top_p=0.95,
        top_k=0,
        max_new_tokens=64,
    )
    return tokenizer.batch_decode(ids[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)


if __name__ == "__main__":
    main()
