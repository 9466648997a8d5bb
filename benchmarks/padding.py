"""How many positions each way of batching feeds per token of the data, for rows ``[prompt | chosen | rejected]``.

    python benchmarks/padding.py --model MODEL --data pairs.jsonl [--rows 4 8 16]

``padded`` pads every row to the longest of its batch. ``packed`` lets rows share a line as wide as the longest row of
the batch (first fit, longest first). The budget is the given number of rows times the mean row.
"""

from __future__ import annotations

import argparse
from itertools import product

from upo_sdk.config import DataConfig, ModelConfig, TrainingConfig
from upo_sdk.data import load_preference_data, tokenize, tokens_per_row
from upo_sdk.policy import load_tokenizer
from upo_sdk.training.batching import compose_batches


def main() -> None:
    """Print one line per way of batching."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--max_length", type=int, default=1024)
    parser.add_argument("--rows", type=int, nargs="+", default=[4, 8, 16])
    arguments = parser.parse_args()
    data = load_preference_data(DataConfig(path=arguments.data)).train
    tokenizer = load_tokenizer(ModelConfig(path=arguments.model))
    dataset = tokenize(data, tokenizer, max_length=arguments.max_length, max_prompt_length=None).dataset
    tokens_R = tokens_per_row(dataset).tolist()
    total, mean = sum(tokens_R), sum(tokens_R) / len(tokens_R)
    print(f"{len(tokens_R):,} rows, {mean:.0f} tokens each on average, up to {max(tokens_R):,}")
    for rows, budget, strategy in product(arguments.rows, (None, "budget"), ("random", "group_by_length")):
        config = TrainingConfig(
            per_device_train_batch_size=rows,
            tokens_per_batch=round(rows * mean) if budget else None,
            train_sampling_strategy=strategy,
        )
        batches = compose_batches(tokens_R, config, padded=True, ranks=1)
        lengths = [[tokens_R[row] for row in batch] for batch in batches]
        padded = [max(batch) * len(batch) for batch in lengths]
        packed = [max(batch) * _lines(batch) for batch in lengths]
        print(
            f"{rows:3} {budget or 'rows':7} {strategy:16} padded {sum(padded) / total:.2f} packed "
            f"{sum(packed) / total:.2f} largest batch {max(padded):,} batches {len(batches):,}"
        )


def _lines(lengths: list[int]) -> int:
    room = list[int]()
    for length in sorted(lengths, reverse=True):
        line = next((line for line, left in enumerate(room) if left >= length), None)
        if line is None:
            room.append(max(lengths) - length)
        else:
            room[line] -= length
    return len(room)


if __name__ == "__main__":
    main()
