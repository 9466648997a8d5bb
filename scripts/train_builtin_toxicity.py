"""Train the weights of ``toxicity:W,model=builtin`` on a labelled file of your own.

The file is JSON Lines, may be gzipped, and has ``text``, ``label`` (1 toxic, 0 not) and, if ``--sources`` is used,
``source``. The sentences of ``toxicity_sentences.py`` are added, so that naming an identity or killing a process is
not taken for an insult. The same file, seed and machine give the same weights::

    python scripts/train_builtin_toxicity.py --data labelled.jsonl.gz --test labelled_test.jsonl.gz
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from toxicity_sentences import made_rows

from upo_plugins.toxicity.builtin import TABLE_SIZE, feature_indices, segments

OUT = Path(__file__).parents[1] / "plugins/upo_plugins/toxicity/weights/builtin.safetensors"
PERMISSIVE = ("paradetox", "paradetox_cannot_rewrite", "toxic_spans_civil", "davidson", "wiki_context")


def main() -> None:
    """Read, train, quantise, write, and report ROC-AUC per source of the test file."""
    arguments = parse_arguments()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    rows = read_rows(arguments.data, arguments.sources) + made_rows(arguments.seed)
    table, bias = fit(rows, arguments)
    save(arguments.out, table, bias)
    print(f"{len(rows)} rows -> {arguments.out} ({arguments.out.stat().st_size:,} bytes)")
    if arguments.test:
        report(arguments.test, arguments.out)


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--test", type=Path, help="labelled file to report on, read after training; default out only")
    parser.add_argument("--sources", nargs="*", default=PERMISSIVE, help="values of `source` to keep; none: all rows")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--decay", type=float, default=1e-6, help="weight of the squared table in the loss")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def read_rows(path: Path, sources: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the labelled rows of the wanted sources."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [row for row in rows if not sources or row["source"] in sources]


class Bags:
    """The feature rows of every segment of every text, laid out for ``embedding_bag``."""

    def __init__(self, texts: list[str]) -> None:
        segments_per_text = [list(segments(text)) or [[]] for text in texts]
        self.first_segment = np.cumsum([0, *map(len, segments_per_text)])
        features = [np.array(sorted(feature_indices(s)), np.int64) for found in segments_per_text for s in found]
        self.first_feature = np.cumsum([0, *map(len, features)])
        self.features = torch.from_numpy(np.concatenate(features))

    def logits(self, texts: np.ndarray, table: Tensor, bias: Tensor) -> Tensor:
        """Return the logit of the worst segment of each text, as the scorer computes it."""
        spans = [np.arange(self.first_segment[i], self.first_segment[i + 1]) for i in texts]
        chosen = np.concatenate(spans)
        starts, ends = self.first_feature[chosen], self.first_feature[chosen + 1]
        counts = torch.from_numpy(ends - starts)
        flat = torch.cat([self.features[start:end] for start, end in zip(starts, ends, strict=True)])
        offsets = torch.cumsum(counts, 0) - counts
        sums = F.embedding_bag(flat, table[:, None], offsets, mode="sum")[:, 0]
        owner = torch.repeat_interleave(torch.arange(len(spans)), torch.tensor([len(span) for span in spans]))
        worst = torch.full((len(spans),), -torch.inf)
        return worst.scatter_reduce(0, owner, bias + sums / counts.clamp(min=1).sqrt(), "amax")


def fit(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return the table, shape [TABLE_SIZE], and the bias of a logistic regression on the worst segment."""
    bags = Bags([row["text"] for row in rows])
    labels = torch.tensor([float(row["label"]) for row in rows])
    table, bias = torch.zeros(TABLE_SIZE, requires_grad=True), torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam([table, bias], lr=arguments.learning_rate)
    order = np.random.default_rng(arguments.seed)
    for _ in range(arguments.epochs):
        for batch in np.array_split(order.permutation(len(rows)), max(len(rows) // arguments.batch_size, 1)):
            loss = F.binary_cross_entropy_with_logits(bags.logits(batch, table, bias), labels[batch])
            optimizer.zero_grad()
            (loss + arguments.decay * table.square().sum()).backward()
            optimizer.step()
    return table.detach(), bias.detach()


def save(path: Path, table: Tensor, bias: Tensor) -> None:
    """Write the table as 8-bit integers with one scale; values beyond the 99.99th percentile are clipped."""
    scale = torch.quantile(table.abs(), 0.9999) / 127
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {"table": (table / scale).round().clamp(-127, 127).to(torch.int8), "scale": scale, "bias": bias},
        path,
        metadata={"rebuild": Path(__file__).name},  # one entry: their order in the file is not fixed
    )


def report(path: Path, weights: Path) -> None:
    """Print ROC-AUC of the written weights, over all rows and per source that has both labels."""
    from upo_plugins.toxicity.builtin import BuiltinScorer

    scorer = BuiltinScorer(weights.read_bytes())
    groups: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in read_rows(path):
        result = (row["label"], scorer.sentence_probability(row["text"]))
        for group in ("all rows", row["source"], *(["training sources"] if row["source"] in PERMISSIVE else [])):
            groups[group].append(result)
    for group, scored in groups.items():
        labels, scores = np.array([label for label, _ in scored]), np.array([score for _, score in scored])
        if 0 < labels.mean() < 1:
            print(f"{group:26} {len(scored):6} rows  AUC {roc_auc(labels, scores):.3f}")


def roc_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the probability that a toxic text scores above a harmless one; ties count half (Mann-Whitney)."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    toxic = int(labels.sum())
    return float((ranks[labels == 1].sum() - toxic * (toxic + 1) / 2) / (toxic * (len(labels) - toxic)))


if __name__ == "__main__":
    main()
